internal import AmbitSystem
internal import Synchronization

/// The orders to one worker and its answers, over the connection of its supervisor. From any thread that may block.
final class WorkerOrders: Sendable {
  /// An order whose answer is waited for.
  struct Call: Sendable {
    fileprivate let number: UInt64
    fileprivate let answer = Latch<[UInt8]?>()
  }

  private struct State {
    var lastNumber: UInt64 = 0
    /// The orders that wait for an answer, by their numbers; nil once there will be no answer any more.
    var waiting: [UInt64: Call]? = [:]
  }

  /// How long an order that nobody waits for may take to be sent, in nanoseconds.
  private static var timeToSend: Int64 { 1_000_000_000 }

  private let connection: MessageConnection
  private let state = Mutex(State())

  /// - Parameter connection: belongs to this object from now on.
  init(over connection: MessageConnection) { self.connection = connection }

  /// The descriptor of the connection.
  var descriptor: Int32 { connection.number }

  /// Whether the worker takes no orders any more. The thread that receives its answers notices that a moment later.
  var isClosed: Bool { state.withLock { $0.waiting == nil } || connection.isClosed }

  /// Sends an order. The caller takes its answer: see `answer`.
  /// - Parameters:
  ///   - descriptors: go with the order; they stay the caller's.
  ///   - timeout: how long to wait for room in the connection, in nanoseconds; nil: for a second.
  /// - Returns: nil if there was no room, or if there will be no answers any more.
  func send(_ order: WorkerOrder, passing descriptors: [Int32] = [], within timeout: Int64? = nil) -> Call? {
    let call = state.withLock { state -> Call? in
      guard state.waiting != nil else { return nil }
      state.lastNumber += 1
      let call = Call(number: state.lastNumber)
      state.waiting![call.number] = call
      return call
    }
    guard let call else { return nil }
    let message = WorkerMessage.order(order, number: call.number)
    guard connection.send(message, passing: descriptors, within: timeout ?? Self.timeToSend) else {
      forget(call)
      return nil
    }
    return call
  }

  /// Sends an order whose answer nobody waits for. The order is lost if the connection of a stopped worker is full.
  func tell(_ order: WorkerOrder) {
    connection.send(WorkerMessage.order(order, number: 0), within: Self.timeToSend)
  }

  /// Waits for the answer to an order, once. An answer that comes later is lost.
  /// - Parameters:
  ///   - timeout: how long to wait, in nanoseconds.
  ///   - isCancelled: whether to give up before. It is called every 50 ms.
  /// - Returns: nil if there is none.
  func answer<Answer: Codable>(
    to call: Call, within timeout: Int64, as type: Answer.Type, unless isCancelled: () -> Bool = { false }
  ) -> Answer? {
    defer { forget(call) }
    guard let message = call.answer.wait(timeout: timeout, unless: isCancelled)?.first ?? nil else { return nil }
    return try? WorkerMessage.answer(type, message)
  }

  /// Takes answers until there will be none any more.
  func receive() {
    while let message = connection.receive()?.message, let number = try? WorkerMessage.number(message) {
      state.withLock { $0.waiting?[number] }?.answer.arrive(message)
    }
    endCalls()
  }

  /// Closes the connection. Orders that wait for an answer, and those that come, get none.
  func close() {
    connection.close()
    endCalls()
  }

  private func forget(_ call: Call) { state.withLock { $0.waiting?[call.number] = nil } }

  private func endCalls() {
    let unanswered = state.withLock { state in
      defer { state.waiting = nil }
      return state.waiting ?? [:]
    }
    for call in unanswered.values { call.answer.arrive(nil) }
  }
}
