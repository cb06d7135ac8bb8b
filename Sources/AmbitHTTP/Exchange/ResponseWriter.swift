internal import AmbitCore
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging

/// Writes responses: the head, then the body with it or after it. Every byte of a response passes through here, so
/// filters belong here. The writer and the carrier record what an exchange has sent.
enum ResponseWriter {
  /// Sends a whole response. A large body is sent from where it is, and may wait for the client as `job`.
  @inline(__always)
  static func respond(
    to exchange: ExchangePointer, status: Int, contentType: UnsafeRawBufferPointer?, body: UnsafeRawBufferPointer,
    job: JobPointer, scope: ScopePointer
  ) -> Status {
    guard body.count <= HTTP1Connection.largestCopy else {
      return respondLarge(
        to: exchange, status: status, contentType: contentType, body: body, job: job, scope: scope)
    }
    return respond(to: exchange, status: status, contentType: contentType, copying: body)
  }

  /// Sends a whole response whose body is copied after its head, so that both go out in one piece with the pending
  /// bytes. Never waits.
  @inline(__always)
  static func respond(
    to exchange: ExchangePointer, status: Int, contentType: UnsafeRawBufferPointer?,
    allow: UnsafeRawBufferPointer? = nil, copying body: UnsafeRawBufferPointer
  ) -> Status {
    guard let carrier = exchange.pointee.carrier else { return .cancelled }
    guard exchange.pointee.response.state == .notStarted else { return .wrongState }
    if !carrier.hasWholeBody(of: exchange) { exchange.abort(.requestUnreadable) }
    exchange.pointee.record.status = UInt16(truncatingIfNeeded: status)
    carrier.sendHead(
      of: exchange, status: status, contentType: contentType, allow: allow, length: Int64(body.count), body: body)
    if exchange.pointee.response.isBodyless { reportDropped(body.count, of: exchange) }
    complete(exchange, carrier)
    return .ok
  }

  /// Sends a whole response without a body.
  static func respondEmpty(to exchange: ExchangePointer, status: Int) {
    _ = respond(
      to: exchange, status: status, contentType: nil, copying: UnsafeRawBufferPointer(start: nil, count: 0))
  }

  @inline(never)
  private static func respondLarge(
    to exchange: ExchangePointer, status: Int, contentType: UnsafeRawBufferPointer?, body: UnsafeRawBufferPointer,
    job: JobPointer, scope: ScopePointer
  ) -> Status {
    guard let carrier = exchange.pointee.carrier else { return .cancelled }
    guard exchange.pointee.response.state == .notStarted else { return .wrongState }
    if !carrier.hasWholeBody(of: exchange) { exchange.abort(.requestUnreadable) }
    exchange.pointee.record.status = UInt16(truncatingIfNeeded: status)
    carrier.sendHead(of: exchange, status: status, contentType: contentType, length: Int64(body.count))
    if exchange.pointee.response.isBodyless {
      reportDropped(body.count, of: exchange)
    } else {
      exchange.pointee.response.state.apply(.headSent)
      let sent = carrier.send(body, of: exchange, job: job, scope: scope)
      guard sent == .ok else { return cutShort(exchange, sent) }
    }
    complete(exchange, carrier)
    return .ok
  }

  /// Sends the head of a response whose body follows; `length` is nil if the length is not known yet.
  static func begin(
    _ exchange: ExchangePointer, status: Int, contentType: UnsafeRawBufferPointer? = nil, length: Int64?
  ) -> Status {
    guard let carrier = exchange.pointee.carrier else { return .cancelled }
    guard exchange.pointee.response.state == .notStarted else { return .wrongState }
    carrier.sendContinue(for: exchange)
    exchange.pointee.record.status = UInt16(truncatingIfNeeded: status)
    carrier.sendHead(of: exchange, status: status, contentType: contentType, length: length)
    exchange.pointee.response.state.apply(.headSent)
    exchange.pointee.response.remaining = exchange.pointee.response.isBodyless ? nil : length
    return .ok
  }

  /// Sends more of the body at once; waits as `job` while the client is slow. `.wrongState` while another job writes.
  static func write(
    _ bytes: UnsafeRawBufferPointer, to exchange: ExchangePointer, job: JobPointer, scope: ScopePointer
  ) -> Status {
    switch exchange.pointee.response.state {
    case .notStarted: return .wrongState.noting("the response has not begun")
    case .complete: return .wrongState.noting("the response has ended")
    case .cutShort: return exchange.statusWithoutClient
    case .streaming: break
    }
    guard let carrier = exchange.pointee.carrier else { return exchange.statusWithoutClient }
    guard !carrier.isSending else { return .wrongState.noting("another job writes the response") }
    if let remaining = exchange.pointee.response.remaining {
      guard bytes.count <= remaining else {
        return .invalid(because: "\(bytes.count) bytes, expected at most \(remaining) after the length announced")
      }
      exchange.pointee.response.remaining = remaining - Int64(bytes.count)
    }
    if bytes.isEmpty { return .ok }
    if exchange.pointee.response.isBodyless {
      reportDropped(bytes.count, of: exchange)
      return .ok
    }
    let status = carrier.send(bytes, of: exchange, job: job, scope: scope)
    return status == .ok ? .ok : cutShort(exchange, status)
  }

  /// Logs that bytes of a body were dropped, unless the request was HEAD: a handler need not know of HEAD, but it knows
  /// its status.
  @inline(never)
  private static func reportDropped(_ count: Int, of exchange: ExchangePointer) {
    let status = Int(exchange.pointee.record.status)
    guard count > 0, exchange.isDispatched, !Response.mayHaveContent(status), PluginLog.writes(.warning),
      exchange.pointee.server.pointee.droppedBodyLimit.permits(at: exchange.pointee.server.pointee.loop.pointee.now)
    else { return }
    PluginLog.write(
      .warning, exchange.scope, isFault: true,
      "a response with status \(status) has no body, so \(count.pluralized("byte")) of it were dropped; "
        + LogRateLimit.note)
  }

  /// Part of the body could not be sent. The end of the connection tells the client.
  private static func cutShort(_ exchange: ExchangePointer, _ status: Status) -> Status {
    exchange.pointee.response.state.apply(.pieceFailed)
    exchange.abort(status == .closed ? .clientLeft : .responseIncomplete)
    guard status == .closed else { return status }
    exchange.clientHasLeft()
    return exchange.statusWithoutClient
  }

  /// Ends the body; `.invalid` if it is shorter than the head announced, `.wrongState` while a job writes.
  static func end(_ exchange: ExchangePointer) -> Status {
    switch exchange.pointee.response.state {
    case .notStarted: return .wrongState.noting("the response has not begun")
    case .complete: return .wrongState.noting("the response has ended")
    case .cutShort: return exchange.statusWithoutClient
    case .streaming: break
    }
    guard let carrier = exchange.pointee.carrier, !carrier.isBroken else { return exchange.statusWithoutClient }
    guard !carrier.isSending else { return .wrongState.noting("another job writes the response") }
    guard let remaining = exchange.pointee.response.remaining, remaining > 0 else {
      complete(exchange, carrier)
      return .ok
    }
    exchange.fault("ended the response \(remaining) bytes short of the length it announced")
    exchange.abort(.responseIncomplete)
    complete(exchange, carrier)
    return .invalid.noting("the body is \(remaining) bytes shorter than announced", isReported: true)
  }

  /// The response is complete or cut short. Wakes the job that waits for it.
  @inline(__always)
  private static func complete(_ exchange: ExchangePointer, _ carrier: Carrier) {
    exchange.pointee.response.state.apply(.ended)
    if exchange.pointee.response.isAwaited { exchange.pointee.job.wake(.ok) }
    carrier.end(exchange)
  }
}

/// The host's own responses: a status and one line that says why. If the host or a plugin is at fault, and a plugin's
/// scope was opened for the request, the line also has the identifier by which the log names the request.
enum ErrorResponse {
  /// Responds with the status, its reason and `text`, unless a response has started.
  /// - Parameters:
  ///   - allow: the value of the `Allow` field; nil without one.
  ///   - retryAfter: the seconds of a `Retry-After` field; nil without one. The scope of the request must be open.
  ///   - abort: why the connection or stream ends with this response; nil if it does not.
  ///   - route: of a request that is refused before its scope opens, for the log; nil if it is not known, or if the
  ///     scope knows it.
  ///   - isReported: a line about it is in the log already, or was left out on purpose.
  ///   - namesRequest: false for a request that no code of a plugin has seen although its scope is open.
  // Out of line, so that its code is not on the path of other requests.
  @inline(never)
  static func send(
    on exchange: ExchangePointer, status: Int, text: some CustomStringConvertible, allow: String? = nil,
    retryAfter: Int? = nil, abort reason: AbortReason? = nil, route: RoutePointer? = nil, isReported: Bool = false,
    namesRequest: Bool = true
  ) {
    guard exchange.pointee.carrier != nil, exchange.pointee.response.state == .notStarted else { return }
    if let reason { exchange.abort(reason) }
    let namesRequest = namesRequest && status >= 500 && exchange.isDispatched
    if !isReported { exchange.reportAnswer(status, "\(text)", route: route, isLimited: !namesRequest) }
    let request = namesRequest ? " (request \(RequestID(ofRequest: exchange.scope)))" : ""
    var line = "\(status) \(ReasonPhrase.text(for: status)): \(text)\(request)\n"
    var allow = allow
    exchange.pointee.response.lines = HeaderLines()
    if let retryAfter {
      var seconds = "\(retryAfter)"
      seconds.withUTF8 { seconds in
        _ = exchange.pointee.response.lines.add(
          .literal("Retry-After"), UnsafeRawBufferPointer(seconds), in: exchange.scope, isHosts: true)
      }
    }
    line.withUTF8 { line in
      if allow == nil { return send(on: exchange, status, line, allow: nil) }
      allow!.withUTF8 { send(on: exchange, status, line, allow: UnsafeRawBufferPointer($0)) }
    }
  }

  private static func send(
    on exchange: ExchangePointer, _ status: Int, _ line: UnsafeBufferPointer<UInt8>, allow: UnsafeRawBufferPointer?
  ) {
    _ = ResponseWriter.respond(
      to: exchange, status: status, contentType: .literal("text/plain"), allow: allow,
      copying: UnsafeRawBufferPointer(line))
  }
}
