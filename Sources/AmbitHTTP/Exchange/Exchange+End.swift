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
      let isReported = waitForCompletion()
      if !pointee.response.isComplete { abandonResponse(isReported: isReported) }
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
    case .notStarted:
      ResponseWriter.respondEmpty(to: self, status: pointee.response.status)
      pointee.response.isHosts = true
    case .streaming, .cutShort:
      let status = ResponseWriter.end(self)
      if status == .wrongState { fault("handler returned while one of its jobs was writing the response") }
      if status != .ok { abort(.responseIncomplete) }
    }
  }

  /// The scope has ended, or no job is left that could complete the response; `isReported` if the log says so already.
  private func abandonResponse(isReported: Bool = false) {
    guard pointee.response.state == .notStarted else { return abort(.responseIncomplete) }
    switch scope.pointee.cause {
    case .disconnect: abort(.clientLeft)
    case .retired, .shutdown:
      ErrorResponse.send(
        on: self, status: 503, text: "the host is stopping, or the handler was replaced", abort: .hostStopping)
    default: ErrorResponse.send(on: self, status: 500, text: "the handler did not respond", isReported: isReported)
    }
  }

  /// Waits until a job has completed the response, or the scope has ended. True if no job is left that could complete
  /// it, and the log says so.
  private func waitForCompletion() -> Bool {
    let job = pointee.job
    while !pointee.response.isComplete {
      pointee.response.isAwaited = true
      let status = job.awaitIdle(in: scope)
      pointee.response.isAwaited = false
      if status == .cancelled { return false }
      if !pointee.response.isComplete, !scope.isBusy {
        fault("handler returned AMBIT_PENDING, but no job is left to complete the response")
        return true
      }
    }
    return false
  }

  @inline(never)
  private func conclude(failure code: Int32) {
    let status = Status(rawValue: code)
    let isCancellation = status == .cancelled && !scope.pointee.isOpen
    if !isCancellation { report(failure: status) }
    switch pointee.response.state {
    case .complete: break
    case .streaming, .cutShort: abort(.responseIncomplete)
    case .notStarted where isCancellation: abandonResponse()
    case .notStarted: sendFailure(status)
    }
  }

  /// Logs a fault of the plugin.
  func fault(_ message: String) {
    PluginLog.write(.error, scope, isFault: true, message)
  }
}
