internal import AmbitCore
internal import AmbitRuntime
internal import Logging

extension UnsafeMutablePointer<Exchange> {
  /// The carrier calls it when the client has closed its side, or is gone. If the response is not complete, nobody
  /// waits for it any more.
  func clientHasLeft() {
    guard isDispatched, !pointee.response.isComplete, !pointee.policy.finishesOnDisconnect else { return }
    scope.cancel(.disconnect)
  }

  /// The result of writing to a response that nobody receives any more: `.closed` if the route goes on nevertheless.
  var statusWithoutClient: Status { scope.pointee.isOpen && pointee.carrier != nil ? .closed : .cancelled }

  /// The scope is ending, and its cause is known. A deadline is answered now, because the handler may return late.
  func scopeIsEnding() {
    guard scope.pointee.cause == .deadline, pointee.response.state == .notStarted, let carrier = pointee.carrier
    else { return }
    ErrorResponse.send(on: self, status: 504, text: "the request took too long")
    carrier.flushWithoutWaiting()
  }

  /// Handles the handler's result. Afterwards the response is complete, or the exchange is aborted.
  @inline(__always)
  func conclude(_ code: Int32) {
    switch Status(rawValue: code) {
    case .ok: completeResponse()
    case .pending:
      waitForCompletion()
      if !pointee.response.isComplete { abandonResponse() }
    default: conclude(failure: code)
    }
  }

  /// Leaves the carrier. If jobs go on in the scope, the response is sent first, because they may take long.
  @inline(__always)
  func finish() {
    let isSent = pointee.carrier?.finish(self, flushing: scope.isBusy) ?? true
    if !isSent, !pointee.policy.finishesOnDisconnect { scope.cancel(.disconnect) }
  }

  /// The handler has returned `AMBIT_OK`: completes a response that it has not completed itself.
  private func completeResponse() {
    switch pointee.response.state {
    case .complete: break
    case .notStarted where scope.pointee.isOver: abandonResponse()
    case .notStarted: ResponseWriter.respondEmpty(to: self, status: pointee.response.status)
    case .streaming, .cutShort:
      let status = ResponseWriter.end(self)
      if status == .wrongState { fault("handler returned while one of its jobs was writing the response") }
      if status != .ok { abort(.responseIncomplete) }
    }
  }

  /// The scope has ended, or no job is left that could complete the response.
  private func abandonResponse() {
    guard pointee.response.state == .notStarted else { return abort(.responseIncomplete) }
    switch scope.pointee.cause {
    case .disconnect: abort(.clientLeft)
    case .retired, .shutdown:
      ErrorResponse.send(
        on: self, status: 503, text: "the host is stopping, or the handler was replaced", abort: .hostStopping)
    default: ErrorResponse.send(on: self, status: 500, text: "the handler did not respond")
    }
  }

  /// Waits until a job has completed the response.
  private func waitForCompletion() {
    let job = pointee.job
    while !pointee.response.isComplete {
      pointee.response.isAwaited = true
      let status = job.awaitIdle(in: scope)
      pointee.response.isAwaited = false
      if status == .cancelled { return }
      if !pointee.response.isComplete, !scope.isBusy {
        return fault("handler returned AMBIT_PENDING, but no job is left to complete the response")
      }
    }
  }

  @inline(never)
  private func conclude(failure code: Int32) {
    let isCancellation = code == Status.cancelled.rawValue && !scope.pointee.isOpen
    if !isCancellation { report(failure: Status(rawValue: code), reason: pointee.job.failureText) }
    switch pointee.response.state {
    case .complete: break
    case .streaming, .cutShort: abort(.responseIncomplete)
    case .notStarted where isCancellation: abandonResponse()
    case .notStarted: sendFailure(Status(rawValue: code))
    }
  }

  /// A body that the handler could not read to its end is the client's fault, not the plugin's.
  private func report(failure status: Status, reason: String) {
    let isClientsFault =
      status == .limit && pointee.body.state == .tooLong || status == .invalid && pointee.body.state == .malformed
    guard isClientsFault else { return fault("handler returned \(status.constant)\(reason)") }
    let body = status == .limit ? "longer than max_body" : "malformed"
    PluginLog.write(.info, scope, "the request's body is \(body), and the handler returned \(status.constant)\(reason)")
  }

  private func sendFailure(_ status: Status) {
    switch status {
    case .limit where pointee.body.state == .tooLong:
      ErrorResponse.send(on: self, status: 413, text: "the request body is too large", abort: .requestUnreadable)
    case .invalid where pointee.body.state == .malformed:
      ErrorResponse.send(on: self, status: 400, text: "the request body is malformed", abort: .requestUnreadable)
    case .limit: ErrorResponse.send(on: self, status: 503, text: "the handler has reached a limit")
    case .invalid: ErrorResponse.send(on: self, status: 400, text: "the handler found the request invalid")
    case .timedOut: ErrorResponse.send(on: self, status: 504, text: "the handler ran into a timeout")
    default: ErrorResponse.send(on: self, status: 500, text: "the handler failed")
    }
  }

  /// Logs a fault of the plugin.
  func fault(_ message: String) {
    PluginLog.write(.error, scope, isFault: true, message)
  }
}
