internal import AmbitCore
internal import AmbitRuntime
internal import CAmbit

/// The calls that read the head of the request. They never wait. Outside a request they find nothing.
enum RequestCalls {
  static func install(in api: inout ambit_api) {
    installTarget(in: &api)
    installOrigin(in: &api)
    installLookups(in: &api)
    installFields(in: &api)
  }

  private static func installTarget(in api: inout ambit_api) {
    api.method = { ExchangePointer.of($0).map { $0.text($0.pointee.head.methodRange) } ?? .absent }
    api.path = { ExchangePointer.of($0).map { ambit_str($0.pointee.path) } ?? .absent }
    api.target = { ExchangePointer.of($0).map { $0.text($0.pointee.head.target) } ?? .absent }
    api.query_string = { ExchangePointer.of($0).map { $0.text($0.pointee.head.query) } ?? .absent }
    api.authority = { ExchangePointer.of($0).map { $0.text($0.pointee.head.authority) } ?? .absent }
    api.scheme = { handle in
      ExchangePointer.of(handle).map { ambit_str(.literal($0.pointee.options.pointee.scheme.text)) } ?? .absent
    }
    api.route_pattern = { ExchangePointer.of($0)?.pointee.route?.pointee.pattern ?? .absent }
  }

  private static func installOrigin(in api: inout ambit_api) {
    api.peer = { handle in RequestCalls.onLoop(handle) { $0.peer } }
    api.request_id = { handle in RequestCalls.onLoop(handle) { $0.identifier } }
  }

  private static func installLookups(in api: inout ambit_api) {
    api.param = { handle, name in
      guard let name, let exchange = ExchangePointer.of(handle) else { return .absent }
      return exchange.parameter(CString.bytes(name)).map(ambit_str.init) ?? .absent
    }
    api.query = { handle, name in
      guard let name else { return .absent }
      return RequestCalls.onLoop(handle) { $0.queryValue(CString.bytes(name)).map(ambit_str.init) ?? .absent }
    }
    api.header = { handle, name in
      guard let name, let exchange = ExchangePointer.of(handle) else { return .absent }
      return exchange.field(CString.bytes(name)).map(ambit_str.init) ?? .absent
    }
  }

  private static func installFields(in api: inout ambit_api) {
    api.header_count = { ExchangePointer.of($0)?.pointee.head.fieldCount ?? 0 }
    api.header_at = { handle, index, name, value in
      name?.pointee = .absent
      value?.pointee = .absent
      // A position beyond Int.max comes as a negative one.
      guard let exchange = ExchangePointer.of(handle), index >= 0, index < exchange.pointee.head.fieldCount else {
        return false
      }
      let field = exchange.pointee.fields[index]
      name?.pointee = ambit_str(exchange.bytes(field.name))
      value?.pointee = ambit_str(exchange.bytes(field.value))
      return true
    }
  }

  /// Runs a look-up that may allocate the scope's memory. Only the loop may allocate it.
  private static func onLoop(
    _ handle: UnsafeMutablePointer<ambit_scope>?, _ body: (ExchangePointer) -> ambit_str
  ) -> ambit_str {
    guard let exchange = ExchangePointer.of(handle) else { return .absent }
    var text = ambit_str.absent
    _ = HostCall.onLoop(handle) { _ in
      text = body(exchange)
      return .ok
    }
    return text
  }
}

extension UnsafeMutablePointer<Exchange> {
  @inline(__always)
  fileprivate func text(_ range: ByteRange?) -> ambit_str {
    range.map { ambit_str(bytes($0)) } ?? .absent
  }
}

/// The calls that read the request's body.
enum BodyCalls {
  static func install(in api: inout ambit_api) {
    api.body_length = { handle in
      switch ExchangePointer.of(handle)?.pointee.head.body {
      case .known(let length): length
      case .unknown: -1
      case .none?, nil: 0
      }
    }
    api.read = { handle, memory, capacity in
      guard let exchange = ExchangePointer.of(handle) else { return Int64(Status.wrongState.rawValue) }
      var count: Int64 = 0
      let status = HostCall.asJob(handle, "ambit_read") { scope, job in
        guard let memory, capacity > 0 else {
          return .invalid(because: "expected room for bytes, found \(memory == nil ? "NULL" : "a capacity of 0")")
        }
        let room = UnsafeMutableRawBufferPointer(start: memory, count: Int(clamping: capacity))
        count = exchange.readBody(into: room, job: job, scope: scope)
        return count < 0 ? Status(rawValue: Int32(truncatingIfNeeded: count)) : .ok
      }
      return status == 0 ? count : Int64(status)
    }
    api.body = { handle, whole in
      guard let exchange = ExchangePointer.of(handle) else { return Status.wrongState.rawValue }
      return HostCall.asJob(handle, "ambit_body") { scope, job in
        guard let whole else { return .invalid(because: "whole: expected an address, found NULL") }
        let (status, bytes) = exchange.readWholeBody(job: job, scope: scope)
        whole.pointee = status == .ok ? ambit_str(bytes) : .absent
        return status
      }
    }
  }
}
