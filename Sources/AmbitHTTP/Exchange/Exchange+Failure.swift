internal import AmbitCore
internal import AmbitRuntime
internal import Logging

// A handler, or a function of a plugin that returns an `ambit_status`, has returned anything but AMBIT_OK and
// AMBIT_PENDING, or did not run: what the client gets, and what the log says. The client does not see reasons, which
// may be secret.

extension UnsafeMutablePointer<Exchange> {
  /// Responds with what the failure means for the client. The failure has been reported.
  func sendFailure(_ status: Status) {
    switch status {
    case .limit where pointee.body.state == .tooLong:
      sendFailure(413, "the request body is too large", abort: .requestUnreadable)
    case .invalid where pointee.body.state == .malformed:
      sendFailure(400, "the request body is malformed", abort: .requestUnreadable)
    case .badRequest: sendFailure(400, "the \(noun) found the request invalid")
    case .notFound: sendFailure(404, "the \(noun) found nothing for this request")
    case .limit where pointee.job.hasMetLimitOfPlugin, .noMemory where pointee.job.hasMetLimitOfPlugin:
      ErrorResponse.send(
        on: self, status: 503, text: "plugin \(scope.pluginName) has reached a limit", isReported: true,
        namesRequest: false)
    case .limit: sendFailure(503, "the \(noun) has reached a limit")
    case .timedOut: sendFailure(504, "the \(noun) ran into a timeout")
    default: sendFailure(500, "the \(noun) failed")
    }
  }

  private func sendFailure(_ status: Int, _ text: String, abort reason: AbortReason? = nil) {
    ErrorResponse.send(on: self, status: status, text: text, abort: reason, isReported: true)
  }

  /// Responds in place of a handler or function that did not run, because the pool has no thread for it.
  @inline(never)
  func answerBusy(_ error: PoolError, in lane: SerialLane? = nil) {
    scope.report(error, in: lane, "the request was answered 503")
    let text = error.isOfPlugin ? "\(error)" : "the server is busy"
    ErrorResponse.send(on: self, status: 503, text: text, isReported: true, namesRequest: false)
  }

  /// Logs the failure: as the plugin's fault, unless the client has caused it.
  func report(failure status: Status) {
    let returned = "\(noun) returned \(status.constant)\(pointee.job.failureText(for: status.rawValue))"
    if let cause = clientsPart(in: status) {
      guard let note = clientErrorNote(cause.status) else { return }
      return PluginLog.write(.info, scope, "\(cause.text), and the \(returned)\(consequence); \(note)")
    }
    switch status {
    case .limit where hasMetLimit, .noMemory where hasMetLimit: return
    case .badRequest where !hasPluginResponded, .notFound where !hasPluginResponded:
      PluginLog.write(.info, scope, returned + consequence)
    default:
      if pointee.response.state != .notStarted, pointee.job.isFailureReported(status.rawValue) { return }
      fault(returned + (hint(at: status) ?? consequence))
    }
  }

  /// The handler has met a limit of its plugin, of which the log tells once, and the client gets 503.
  private var hasMetLimit: Bool { pointee.response.state == .notStarted && pointee.job.hasMetLimitOfPlugin }

  /// What the client has done, as the beginning of the line, with the condition that limits such lines; nil if the
  /// client has done nothing.
  private func clientsPart(in status: Status) -> (text: String, status: Int)? {
    switch status {
    case .limit where pointee.body.state == .tooLong: ("the request's body is longer than max_body", 413)
    case .invalid where pointee.body.state == .malformed: ("the request's body is malformed", 400)
    case .closed where pointee.record.abortReason == .clientLeft: ("the client has left", ClientErrorLog.clientLeft)
    default: nil
    }
  }

  /// The host has answered in place of the handler when the deadline passed.
  private var hasDeadlineResponse: Bool { scope.pointee.cause == .deadline && pointee.record.status == 504 }

  private var hasPluginResponded: Bool { pointee.response.state != .notStarted && !hasDeadlineResponse }

  /// What follows from a status that comes after the response or in the middle of it, as the end of the line; empty if
  /// the response had not begun.
  private var consequence: String {
    let response = "; the response (\(pointee.record.status))"
    return switch pointee.response.state {
    case .notStarted: ""
    case .complete where hasDeadlineResponse:
      "; the client had got 504 at the deadline, so the status changed nothing"
    case .complete where pointee.record.abortReason == .responseIncomplete:
      "\(response) had ended too early, so the connection closes"
    case .complete: "\(response) was complete, so the status changed nothing"
    case .streaming, .cutShort: "\(response) had begun, so the client gets only a part of it, and the connection closes"
    }
  }

  /// What the plugin's author probably meant, as the end of the line; nil if the line says enough.
  private func hint(at status: Status) -> String? {
    let code = status.rawValue
    switch code {
    case Status.invalid.rawValue
    where pointee.job.failedCallStatus != .invalid && pointee.response.state == .notStarted:
      return "; if the request is at fault, return AMBIT_BAD_REQUEST"
    case 200...599 where pointee.response.isComplete:
      return ", which is no ambit_status; the response was complete: return AMBIT_OK"
    case 200...599: return ", which is no ambit_status; to answer \(code), \(wayToAnswer(code))\(consequence)"
    case _ where code > 0: return ", expected AMBIT_OK, AMBIT_PENDING or a negative ambit_status\(consequence)"
    case _ where !status.isKnown: return ", which is no ambit_status of this host\(consequence)"
    default: return nil
    }
  }

  /// How the plugin responds with an HTTP status that it has returned: a function needs its scope for most.
  private func wayToAnswer(_ code: Int32) -> String {
    let constant = code == 400 ? "AMBIT_BAD_REQUEST" : code == 404 ? "AMBIT_NOT_FOUND" : nil
    let call = "AMBIT_OK after ambit_set_status(scope, \(code))"
    guard case .function(let function) = pointee.route?.pointee.target, !function.pointee.takesScope else {
      return "return \(constant.map { "\($0), or " } ?? "")\(call)"
    }
    if code == 200 { return "return AMBIT_OK" }
    let withScope = "add a parameter scope to the function and to its signature, and return \(call)"
    return constant.map { "return \($0), or \(withScope)" } ?? withScope
  }

  private var noun: String {
    if case .function = pointee.route?.pointee.target { "function" } else { "handler" }
  }
}
