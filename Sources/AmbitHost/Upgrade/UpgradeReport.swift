internal import AmbitCore
internal import AmbitSystem
internal import Synchronization

/// What has become of an upgrade, for the status and for the client that has asked for it.
struct UpgradeReport: Sendable {
  enum Result: String, Sendable {
    /// The new program has taken over and starts its workers.
    case underway
    /// The new program serves.
    case done
    /// The new program serves, but not the present files of all plugins.
    case partial
    /// Nothing has changed.
    case refused
    /// The new program did not start, and the one before serves again.
    case fallenBack = "fallen_back"
  }

  let order: UpgradeOrder
  /// When it began: nanoseconds since 1970.
  let began: Int64
  /// When it began: monotonic nanoseconds.
  let start: Int64
  /// The version and the path of the program before.
  let from: String
  let oldProgram: String
  var result: Result
  /// Why it was refused or has failed, or why plugins do not serve their present files, a line each.
  var reasons: [String] = []
  var duration: Int64 = 0

  /// One line for people, and a line for each reason.
  var lines: [String] {
    switch result {
    case .underway: ["the new program \(order.program) has taken over, and starts its workers"]
    case .done, .partial:
      [
        "upgraded from ambit \(from) (\(oldProgram)) to ambit \(AmbitVersion.text) (\(order.program)), "
          + "pid \(HostProcess.identifier) (\(duration / 1_000_000) ms)"
      ] + reasons
    case .refused: ["upgrade to \(order.program) refused, nothing has changed:"] + reasons
    case .fallenBack:
      ["the new program \(order.program) did not start, ambit \(from) serves again:"] + reasons
    }
  }

  var json: JSONValue {
    .object([
      ("number", JSONValue(order.number)), ("result", .string(result.rawValue)),
      ("at", .string(Timestamp.text(of: began))), ("milliseconds", .integer(duration / 1_000_000)),
      ("from", .string(from)), ("from_program", .string(oldProgram)), ("program", .string(order.program)),
      ("reasons", .array(reasons.map(JSONValue.string))),
    ])
  }

  /// For `AdminClient.upgrade`: the number and the result, then the lines.
  var text: String { (["\(order.number) \(result.rawValue)"] + lines.map(\.printable)).map { "\($0)\n" }.joined() }
}

/// The clients of the admin API that wait for the answer to an order to upgrade. Orders are carried out by the control
/// thread, one at a time, like reloads.
final class UpgradeQueue: Sendable {
  /// What the client is told: `underway` or `refused`; nil if the host stops instead, or another upgrade
  /// takes place.
  typealias Answer = UpgradeReport?

  private struct State {
    var waiting: [(program: String, answer: Latch<Answer>)] = []
    var isClosed = false
  }

  private let state = Mutex(State())

  /// Asks for an upgrade, and waits for the answer. From threads that may block.
  func upgrade(to program: String, by signals: Signals) -> Answer {
    let latch = Latch<Answer>()
    let isOpen = state.withLock { state in
      if !state.isClosed { state.waiting.append((program, latch)) }
      return !state.isClosed
    }
    guard isOpen else { return nil }
    signals.notify()
    return latch.wait()?.first ?? nil
  }

  /// The next order. For the control thread.
  func next() -> (program: String, answer: Latch<Answer>)? {
    state.withLock { $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }
  }

  /// Tells all clients that there will be no upgrade.
  /// - Parameter isForGood: also those that ask later.
  func close(isForGood: Bool) {
    state.withLock { $0.isClosed = isForGood }
    while let (_, latch) = next() { latch.arrive(nil) }
  }
}
