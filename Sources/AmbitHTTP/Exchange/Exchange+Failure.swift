internal import AmbitCore
internal import AmbitRuntime
internal import Logging

// A handler, or a function of a plugin that returns an `ambit_status`, has returned anything but AMBIT_OK and
// AMBIT_PENDING: what the client gets, and what the log says. The client does not see reasons, which may be secret.

extension UnsafeMutablePointer<Exchange> {
  /// Responds with what the failure means for the client.
  func sendFailure(_ status: Status) {
    switch status {
    case .limit where pointee.body.state == .tooLong:
      ErrorResponse.send(
        on: self, status: 413, text: "the request body is too large", abort: .requestUnreadable, isReported: true)
    case .invalid where pointee.body.state == .malformed:
      ErrorResponse.send(on: self, status: 400, text: "the request body is malformed", abort: .requestUnreadable)
    case .badRequest: ErrorResponse.send(on: self, status: 400, text: "the \(noun) found the request invalid")
    case .notFound: ErrorResponse.send(on: self, status: 404, text: "the \(noun) found nothing for this request")
    case .limit: ErrorResponse.send(on: self, status: 503, text: "the \(noun) has reached a limit")
    case .timedOut:
      ErrorResponse.send(on: self, status: 504, text: "the \(noun) ran into a timeout", isReported: true)
    default: ErrorResponse.send(on: self, status: 500, text: "the \(noun) failed")
    }
  }

  /// Logs the failure: as the plugin's fault, unless the client has caused it.
  func report(failure status: Status) {
    let returned = "\(noun) returned \(status.constant)\(pointee.job.failureText(for: status.rawValue))"
    guard let cause = clientsPart(in: status) else { return fault(returned + hint(at: status)) }
    PluginLog.write(.info, scope, cause.isEmpty ? returned : "\(cause), and the \(returned)")
  }

  /// What the client has done, as the beginning of the line, or "" if the status says it; nil if the plugin is at
  /// fault.
  private func clientsPart(in status: Status) -> String? {
    switch status {
    case .badRequest, .notFound: ""
    case .limit where pointee.body.state == .tooLong: "the request's body is longer than max_body"
    case .invalid where pointee.body.state == .malformed: "the request's body is malformed"
    case .closed where pointee.record.abortReason == .clientLeft: "the client has left"
    default: nil
    }
  }

  /// What the plugin's author probably meant, as the end of the line; empty if the line says enough.
  private func hint(at status: Status) -> String {
    let code = status.rawValue
    switch code {
    case Status.invalid.rawValue where pointee.job.failedCallStatus != .invalid:
      return "; if the request is at fault, return AMBIT_BAD_REQUEST"
    case 200...599 where pointee.response.isComplete:
      return ", which is no ambit_status; the response was complete: return AMBIT_OK"
    case 200...599:
      let constant = code == 400 ? "AMBIT_BAD_REQUEST, or " : code == 404 ? "AMBIT_NOT_FOUND, or " : ""
      return ", which is no ambit_status; to answer \(code), return \(constant)AMBIT_OK after "
        + "ambit_set_status(scope, \(code))"
    case _ where code > 0: return ", expected AMBIT_OK, AMBIT_PENDING or a negative ambit_status"
    case _ where !status.isKnown: return ", which is no ambit_status of this host"
    default: return ""
    }
  }

  private var noun: String {
    if case .function = pointee.route?.pointee.target { "function" } else { "handler" }
  }
}
