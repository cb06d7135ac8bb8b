internal import AmbitCore
internal import AmbitRuntime
internal import CAmbit

/// The calls that make the response.
enum ResponseCalls {
  static func install(in api: inout ambit_api) {
    installHead(in: &api)
    installBody(in: &api)
  }

  private static func installHead(in api: inout ambit_api) {
    api.set_status = { handle, status in
      ResponseCalls.change(handle) { exchange in
        guard ResponseCalls.isFinal(status) else { return .invalid }
        exchange.pointee.response.status = Int(status)
        return .ok
      }
    }
    api.set_header = { handle, name, value in
      ResponseCalls.change(handle) { exchange in
        guard let (name, value) = ResponseCalls.header(name, value) else { return .invalid }
        exchange.pointee.response.lines.remove(name)
        return exchange.pointee.response.lines.add(name, value, in: exchange.scope) ? .ok : .noMemory
      }
    }
    api.add_header = { handle, name, value in
      ResponseCalls.change(handle) { exchange in
        guard let (name, value) = ResponseCalls.header(name, value) else { return .invalid }
        return exchange.pointee.response.lines.add(name, value, in: exchange.scope) ? .ok : .noMemory
      }
    }
  }

  private static func installBody(in api: inout ambit_api) {
    api.respond = { handle, status, contentType, bytes, length in
      guard let exchange = ExchangePointer.of(handle) else { return Status.wrongState.rawValue }
      return HostCall.asJob(handle) { scope, job in
        guard ResponseCalls.isFinal(status), length >= 0, bytes != nil || length == 0 else { return .invalid }
        if let refusal = exchange.refusal { return refusal }
        let type = contentType.map(CString.bytes)
        if let type {
          guard FieldSyntax.isValue(type.bytes) else { return .invalid }
          exchange.pointee.response.lines.remove(.literal("Content-Type"))
        }
        return ResponseWriter.respond(
          to: exchange, status: Int(status), contentType: type,
          body: UnsafeRawBufferPointer(start: bytes, count: length), job: job, scope: scope)
      }
    }
    api.begin = { handle, status, length in
      ResponseCalls.change(handle) { exchange in
        guard ResponseCalls.isFinal(status), length >= -1 else { return .invalid }
        return ResponseWriter.begin(exchange, status: Int(status), length: length < 0 ? nil : length)
      }
    }
    api.write = { handle, bytes, length in
      guard let exchange = ExchangePointer.of(handle) else { return Status.wrongState.rawValue }
      return HostCall.asJob(handle) { scope, job in
        guard length >= 0, bytes != nil || length == 0 else { return .invalid }
        scope.cancelIfOver(for: job)
        if job.isCancelled(in: scope) { return .cancelled }
        return ResponseWriter.write(
          UnsafeRawBufferPointer(start: bytes, count: length), to: exchange, job: job, scope: scope)
      }
    }
    api.end = { handle in
      guard let exchange = ExchangePointer.of(handle) else { return Status.wrongState.rawValue }
      return HostCall.asJob(handle) { _, _ in
        exchange.scope.pointee.isOver ? .cancelled : ResponseWriter.end(exchange)
      }
    }
  }

  /// Runs `body` on an exchange whose response has not started.
  @inline(__always)
  private static func change(_ handle: UnsafeMutablePointer<ambit_scope>?, _ body: (ExchangePointer) -> Status) -> Int32
  {
    guard let exchange = ExchangePointer.of(handle) else { return Status.wrongState.rawValue }
    return HostCall.onLoop(handle) { _ in exchange.refusal ?? body(exchange) }
  }

  /// 200 to 599: only the host sends interim responses (RFC 9110, section 15).
  @inline(__always)
  private static func isFinal(_ status: Int32) -> Bool { status >= 200 && status <= 599 }

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
