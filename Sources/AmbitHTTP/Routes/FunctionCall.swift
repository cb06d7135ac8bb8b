internal import AmbitCore
internal import AmbitFFI
internal import AmbitRuntime
internal import AmbitSystem
internal import CAmbit

/// One request of a function route: makes the arguments from the request, calls the function, and responds with its
/// result.
///
/// It runs as the exchange's job; only the function itself may run on a thread. Its memory is the scope's.
struct FunctionCall {
  let exchange: ExchangePointer
  let call: FunctionRoutePointer
  let job: JobPointer
  let frame: ArgumentFrame
  /// For each argument that is text or bytes, how many bytes it has.
  let lengths: UnsafeMutablePointer<Int>
  /// Variables and buffers of the function, at the places that the plan says.
  let output: UnsafeMutableRawPointer
  var result = CallResult()

  var scope: ScopePointer { exchange.scope }

  /// A call whose arguments are all 0; nil if there is no memory.
  init?(_ exchange: ExchangePointer, _ call: FunctionRoutePointer, _ job: JobPointer) {
    let count = call.pointee.steps.count
    let frameSize = ArgumentFrame.size(count: count)
    let lengthsSize = count * MemoryLayout<Int>.size
    let outputSize = call.pointee.hasReports ? call.pointee.plan.outputByteCount : 0
    guard let memory = exchange.scope.allocate(frameSize + lengthsSize + outputSize) else { return nil }
    self.exchange = exchange
    self.call = call
    self.job = job
    frame = ArgumentFrame(in: memory, count: count)
    lengths = (memory + frameSize).bindMemory(to: Int.self, capacity: count)
    output = memory + frameSize + lengthsSize
  }
}

/// Why a function route does not respond with the result of its function.
enum FunctionCallError: Error {
  /// The status that a handler would return: one that a function of a plugin has returned, or the host's own.
  case status(Status)
  /// The function cannot be called with this request.
  case badRequest(String)
  case bodyTooLarge
  /// The pool takes no more calls.
  case busy(PoolError)
  /// The function failed, or its result cannot be sent.
  case function(String)
}

extension UnsafeMutablePointer<Exchange> {
  /// Answers the request with the route's C function. The result means the same as that of a handler.
  func answer(by call: FunctionRoutePointer, isBlocking: Bool, as job: JobPointer) -> Int32 {
    guard var run = FunctionCall(self, call, job) else { return Status.noMemory.rawValue }
    defer { call.releaseTexts(run.result, output: run.output) }
    do throws(FunctionCallError) {
      try run.readArguments()
      try run.perform(isBlocking: isBlocking)
      try run.respond()
      return Status.ok.rawValue
    } catch {
      return answer(error, of: call).rawValue
    }
  }

  private func answer(_ failure: FunctionCallError, of call: FunctionRoutePointer) -> Status {
    switch failure {
    case .status(let status): return status
    case .badRequest(let reason): ErrorResponse.send(on: self, status: 400, text: reason)
    case .bodyTooLarge:
      ErrorResponse.send(on: self, status: 413, text: "the request body is too large", abort: .requestUnreadable)
    case .busy(let error): answerBusy(error, in: call.pointee.lane)
    case .function(let reason):
      fault(reason)
      ErrorResponse.send(on: self, status: 500, text: reason, isReported: true)
    }
    return .ok
  }
}

extension FunctionCall {
  /// Calls the function, here or on a thread; it fails if its result says so.
  mutating func perform(isBlocking: Bool) throws(FunctionCallError) {
    if job.isCancelled(in: scope) { throw .status(.cancelled) }
    if isBlocking {
      if call.pointee.takesScope { try receiveBody() }
      try performOnThread()
    } else {
      result = call.perform(frame, output: output)
      ForkedChild.endIfReturned(from: job, in: scope)
    }
    if call.pointee.returnsStatus, result.bits != 0 {
      throw .status(Status(rawValue: Int32(truncatingIfNeeded: result.bits)))
    }
    guard let failure else { return }
    // A function that fails because its waits were cancelled is not at fault.
    throw scope.pointee.isOpen ? .function(failure) : .status(.cancelled)
  }

  /// Why the function has failed, if its result says so.
  private var failure: String? {
    let meaning = call.pointee.result
    if meaning.status, result.bits != 0 {
      return "the function returned status \(Int32(truncatingIfNeeded: result.bits))"
    }
    if meaning.errno, result.bits == .max {
      return "the function failed: \(SystemError.text(result.errorNumber))"
    }
    return nil
  }

  private mutating func performOnThread() throws(FunctionCallError) {
    var result = result
    let status: Int32
    do throws(PoolError) {
      status = try withUnsafeMutablePointer(to: &result) { result throws(PoolError) in
        let call = ThreadedCall(call: call, frame: frame, output: output, result: result)
        return try job.runHandlerOnThread(in: scope, lane: self.call.pointee.lane) { _ in call.perform() }
      }
    } catch { throw .busy(error) }
    guard status == Status.ok.rawValue else { throw .status(Status(rawValue: status)) }
    self.result = result
  }
}

/// A call that a thread makes. Its parts stay in place until the thread has finished.
private struct ThreadedCall: @unchecked Sendable {
  let call: FunctionRoutePointer
  let frame: ArgumentFrame
  let output: UnsafeMutableRawPointer
  let result: UnsafeMutablePointer<CallResult>

  func perform() -> Int32 {
    result.pointee = call.perform(frame, output: output)
    return Status.ok.rawValue
  }
}
