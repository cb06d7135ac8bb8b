internal import AmbitCore
internal import AmbitRuntime
internal import Logging

extension UnsafeMutablePointer<Exchange> {
  /// The client has closed its side, or is gone: unless the response is complete, nobody waits for it any more.
  func clientLeft() {
    guard isDispatched, !pointee.response.isComplete, !pointee.policy.finishesOnDisconnect else { return }
    scope.cancel(.disconnect)
  }

  /// What writing to the response comes to when nobody receives it any more; `.closed` where the route goes on all the
  /// same.
  var statusWithoutClient: Status { scope.pointee.isOpen && pointee.connection != nil ? .closed : .cancelled }

  /// The scope's cause has been latched. A deadline is answered now: the handler may take its time to return.
  func scopeIsEnding() {
    guard scope.pointee.cause == .deadline, pointee.response.phase == .unbegun, let connection = pointee.connection
    else { return }
    ErrorResponse.send(on: self, status: 504, text: "the request took too long", closing: false)
    if connection.pointee.outputWaiter == nil { connection.flushWithoutWaiting() }
  }

  /// Does what the handler's result asks for. Afterwards the response is complete, or the connection is to be closed.
  @inline(__always)
  func conclude(_ code: Int32, on connection: ConnectionPointer) {
    switch Status(rawValue: code) {
    case .ok: completeResponse(on: connection)
    case .pending:
      waitForCompletion(on: connection)
      if !pointee.response.isComplete { abandonResponse(on: connection) }
    default: conclude(failure: code, on: connection)
    }
    guard scope.isBusy, connection.pointee.outputWaiter == nil else { return }
    guard !connection.flush() else { return }
    connection.pointee.flags.insert(.closeAfterResponse)
    if !pointee.policy.finishesOnDisconnect { scope.cancel(.disconnect) }
  }

  /// The handler is content: what it has not done of the response is done for it.
  private func completeResponse(on connection: ConnectionPointer) {
    switch pointee.response.phase {
    case .complete: break
    case .unbegun where scope.pointee.isOver: abandonResponse(on: connection)
    case .unbegun:
      ResponseWriter.respondEmpty(to: self, status: pointee.response.status)
    case .streaming:
      let status = ResponseWriter.end(self)
      if status == .wrongState { fault("returned while one of its jobs was writing the response") }
      if status != .ok { connection.pointee.flags.insert(.closeAfterResponse) }
    }
  }

  /// The scope has ended, or no job is left that could complete the response.
  private func abandonResponse(on connection: ConnectionPointer) {
    guard pointee.response.phase == .unbegun else {
      connection.pointee.flags.insert(.closeAfterResponse)
      return
    }
    switch scope.pointee.cause {
    case .disconnect: connection.pointee.flags.insert(.closeAfterResponse)
    case .retired, .shutdown:
      ErrorResponse.send(
        on: self, status: 503, text: "the host is stopping, or the handler was replaced", closing: true)
    default: ErrorResponse.send(on: self, status: 500, text: "the handler did not respond", closing: false)
    }
  }

  /// Waits until a job has completed the response.
  private func waitForCompletion(on connection: ConnectionPointer) {
    let job = connection.job
    while !pointee.response.isComplete {
      pointee.response.isAwaited = true
      let status = job.awaitIdle(in: scope)
      pointee.response.isAwaited = false
      if status == .cancelled { return }
      if !pointee.response.isComplete, !scope.isBusy {
        return fault("returned AMBIT_PENDING, and no job is left that could complete the response")
      }
    }
  }

  @inline(never)
  private func conclude(failure code: Int32, on connection: ConnectionPointer) {
    let isCancellation = code == Status.cancelled.rawValue && !scope.pointee.isOpen
    if !isCancellation { report(failure: Status(rawValue: code), reason: connection.job.failureText) }
    switch pointee.response.phase {
    case .complete: break
    case .streaming: connection.pointee.flags.insert(.closeAfterResponse)
    case .unbegun where isCancellation: abandonResponse(on: connection)
    case .unbegun: sendFailure(Status(rawValue: code))
    }
  }

  /// A body that the handler could not read to its end is the client's doing.
  private func report(failure status: Status, reason: String) {
    let isOfClient = status == .limit && pointee.body.isTooLong || status == .invalid && pointee.body.isMalformed
    guard isOfClient else { return fault("handler returned \(status)\(reason)") }
    let body = status == .limit ? "longer than max_body" : "malformed"
    PluginLog.write(.info, scope, "the request's body is \(body), and the handler returned \(status)\(reason)")
  }

  private func sendFailure(_ status: Status) {
    switch status {
    case .limit where pointee.body.isTooLong:
      ErrorResponse.send(on: self, status: 413, text: "the request body is too large", closing: true)
    case .invalid where pointee.body.isMalformed:
      ErrorResponse.send(on: self, status: 400, text: "the request body is malformed", closing: true)
    case .limit: ErrorResponse.send(on: self, status: 503, text: "the handler has reached a limit", closing: false)
    case .invalid:
      ErrorResponse.send(on: self, status: 400, text: "the handler found the request invalid", closing: false)
    case .timedOut: ErrorResponse.send(on: self, status: 504, text: "the handler ran into a timeout", closing: false)
    default: ErrorResponse.send(on: self, status: 500, text: "the handler failed", closing: false)
    }
  }

  /// Reports something the plugin did wrong.
  func fault(_ message: String) {
    PluginLog.write(.error, scope, isFault: true, message)
  }
}
