internal import AmbitCore
internal import AmbitRuntime
internal import CAmbit
internal import Logging

/// The calls that make the response.
enum ResponseCalls {
  static func install(in api: inout ambit_api) {
    installHead(in: &api)
    installBody(in: &api)
  }

  private static func installHead(in api: inout ambit_api) {
    api.set_status = { handle, status in
      ResponseCalls.change(handle, "ambit_set_status") { exchange in
        guard ResponseCalls.isFinal(status) else { return ResponseCalls.invalid(status) }
        exchange.pointee.response.status = Int(status)
        return .ok
      }
    }
    api.set_header = { handle, name, value in
      ResponseCalls.change(handle, "ambit_set_header") { exchange in
        guard let (name, value) = ResponseCalls.header(name, value) else { return ResponseCalls.invalid(name, value) }
        exchange.pointee.response.lines.remove(name)
        return exchange.pointee.response.lines.add(name, value, in: exchange.scope)
      }
    }
    api.add_header = { handle, name, value in
      ResponseCalls.change(handle, "ambit_add_header") { exchange in
        guard let (name, value) = ResponseCalls.header(name, value) else { return ResponseCalls.invalid(name, value) }
        return exchange.pointee.response.lines.add(name, value, in: exchange.scope)
      }
    }
  }

  private static func installBody(in api: inout ambit_api) {
    api.respond = { handle, status, contentType, bytes, length in
      guard let exchange = ExchangePointer.of(handle) else { return Status.wrongState.rawValue }
      return HostCall.asJob(handle, "ambit_respond") { scope, job in
        guard ResponseCalls.isFinal(status), length >= 0, bytes != nil || length == 0 else {
          return ResponseCalls.isFinal(status) ? ResponseCalls.noBytes(length) : ResponseCalls.invalid(status)
        }
        if let refusal = exchange.refusal { return exchange.explain(refusal, "ambit_respond") }
        let type = contentType.map(CString.bytes)
        if let type {
          guard FieldSyntax.isValue(type.bytes) else { return .invalid(because: ResponseCalls.badContentType) }
          exchange.pointee.response.lines.remove(.literal("Content-Type"))
        }
        return ResponseWriter.respond(
          to: exchange, status: Int(status), contentType: type,
          body: UnsafeRawBufferPointer(start: bytes, count: length), job: job, scope: scope)
      }
    }
    api.begin = { handle, status, length in
      ResponseCalls.change(handle, "ambit_begin") { exchange in
        guard ResponseCalls.isFinal(status) else { return ResponseCalls.invalid(status) }
        guard length >= -1 else { return .invalid(because: "length \(length), expected -1 or more") }
        return ResponseWriter.begin(exchange, status: Int(status), length: length < 0 ? nil : length)
      }
    }
    api.write = { handle, bytes, length in
      guard let exchange = ExchangePointer.of(handle) else { return Status.wrongState.rawValue }
      return HostCall.asJob(handle, "ambit_write") { scope, job in
        guard length >= 0, bytes != nil || length == 0 else { return ResponseCalls.noBytes(length) }
        scope.cancelIfOver(for: job)
        if job.isCancelled(in: scope) { return .cancelled }
        return ResponseWriter.write(
          UnsafeRawBufferPointer(start: bytes, count: length), to: exchange, job: job, scope: scope)
      }
    }
    api.end = { handle in
      guard let exchange = ExchangePointer.of(handle) else { return Status.wrongState.rawValue }
      return HostCall.asJob(handle, "ambit_end") { _, _ in
        exchange.scope.pointee.isOver ? .cancelled : ResponseWriter.end(exchange)
      }
    }
  }

  /// Runs `body` on an exchange whose response has not started.
  @inline(__always)
  private static func change(
    _ handle: UnsafeMutablePointer<ambit_scope>?, _ call: CallName, _ body: (ExchangePointer) -> Status
  ) -> Int32 {
    guard let exchange = ExchangePointer.of(handle) else { return Status.wrongState.rawValue }
    return HostCall.onLoop(handle, call) { _ in
      if let refusal = exchange.refusal { return exchange.explain(refusal, call) }
      return body(exchange)
    }
  }

  /// 200 to 599: only the host sends interim responses (RFC 9110, section 15).
  @inline(__always)
  private static func isFinal(_ status: Int32) -> Bool { status >= 200 && status <= 599 }

  /// The status for a call with an HTTP status that a plugin cannot send.
  @inline(never)
  private static func invalid(_ status: Int32) -> Status {
    .invalid(because: "status \(status), expected 200 to 599")
  }

  /// The status for a call with a length and no bytes.
  @inline(never)
  private static func noBytes(_ length: Int) -> Status {
    .invalid(because: length < 0 ? "length \(length), expected 0 or more" : "expected \(length) bytes, found NULL")
  }

  private static var badContentType: String { "content_type: expected a text without CR, LF and NUL" }

  /// The status for a header line that a plugin may not set.
  @inline(never)
  private static func invalid(_ name: UnsafePointer<CChar>?, _ value: UnsafePointer<CChar>?) -> Status {
    guard let name = name.map(CString.bytes), let value = value.map(CString.bytes) else {
      return .invalid(because: "expected a name and a value, found NULL")
    }
    let text = "\"\(String(decoding: name, as: UTF8.self))\""
    guard FieldSyntax.isName(name.bytes) else {
      return .invalid(because: "header \(text): expected a token as its name")
    }
    guard FieldSyntax.isValue(value.bytes) else {
      return .invalid(because: "header \(text): expected a value without CR, LF and NUL")
    }
    return .invalid(because: "header \(text): the host writes it itself")
  }

  /// A header line that a plugin may set: well-formed, and not one that frames the message; the host sets those.
  private static func header(_ name: UnsafePointer<CChar>?, _ value: UnsafePointer<CChar>?)
    -> (UnsafeRawBufferPointer, UnsafeRawBufferPointer)?
  {
    guard let name = name.map(CString.bytes), let value = value.map(CString.bytes),
      FieldSyntax.isName(name.bytes), FieldSyntax.isValue(value.bytes)
    else { return nil }
    return isReserved(name) ? nil : (name, value)
  }

  /// Whether only the host sets header lines of this name. Without a list: an unoptimised build would allocate it.
  private static func isReserved(_ name: UnsafeRawBufferPointer) -> Bool {
    func isSame(_ other: StaticString) -> Bool {
      FieldSyntax.isSameName(UnsafeRawBufferPointer.literal(other).bytes, name.bytes)
    }
    return isSame("Content-Length") || isSame("Transfer-Encoding") || isSame("Connection") || isSame("Date")
      || isSame("Server")
  }
}

extension UnsafeMutablePointer<Exchange> {
  /// Why the response cannot be changed any more; nil if it can.
  @inline(__always)
  fileprivate var refusal: Status? {
    if pointee.response.state == .notStarted, pointee.carrier != nil { return nil }
    return scope.pointee.isOver ? .cancelled : .wrongState
  }

  /// Notes why `call` is refused, and returns `refusal`. Tells the plugin's author if a job responds although its
  /// handler has not said so.
  @inline(never)
  fileprivate func explain(_ refusal: Status, _ call: CallName) -> Status {
    guard refusal == .wrongState else { return refusal }
    guard pointee.response.isHosts, let job = JobPointer.ofThisThread, job != pointee.job else {
      return refusal.noting("the response has begun")
    }
    pointee.response.isHosts = false
    PluginLog.write(
      .error, scope, job: job, isFault: true,
      """
      a job called \(call) after its handler had returned AMBIT_OK, so the host had completed the response; a handler \
      whose job responds returns AMBIT_PENDING
      """)
    return refusal.noting(
      "the host has completed the response, because the handler returned AMBIT_OK", isReported: true)
  }
}

extension Scope {
  /// The scope has ended for a cause that leaves no client to respond to.
  var isOver: Bool {
    switch cause {
    case .disconnect, .deadline, .retired, .shutdown: true
    case .none, .done, .called, .failed: false
    }
  }
}
