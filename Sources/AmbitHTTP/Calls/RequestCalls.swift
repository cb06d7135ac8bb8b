internal import AmbitCore
internal import AmbitRuntime
internal import CAmbit

/// The calls that tell what was asked for. They wait for nothing; outside a request each finds nothing.
enum RequestCalls {
  static func install(in api: inout ambit_api) {
    installTarget(in: &api)
    installOrigin(in: &api)
    installLookups(in: &api)
    installFields(in: &api)
  }

  private static func installTarget(in api: inout ambit_api) {
    api.method = { RequestPointer.of($0).map { $0.text($0.pointee.head.methodRange) } ?? .absent }
    api.path = { RequestPointer.of($0).map { ambit_str($0.pointee.path) } ?? .absent }
    api.target = { RequestPointer.of($0).map { $0.text($0.pointee.head.target) } ?? .absent }
    api.query_string = { RequestPointer.of($0).map { $0.text($0.pointee.head.query) } ?? .absent }
    api.authority = { RequestPointer.of($0).map { $0.text($0.pointee.head.authority) } ?? .absent }
    api.scheme = { RequestPointer.of($0) == nil ? .absent : ambit_str(.literal("http")) }
    api.route_pattern = { RequestPointer.of($0)?.pointee.route?.pointee.pattern ?? .absent }
  }

  private static func installOrigin(in api: inout ambit_api) {
    api.peer = { handle in RequestCalls.onLoop(handle) { $0.peer } }
    api.request_id = { handle in RequestCalls.onLoop(handle) { $0.identifier } }
  }

  private static func installLookups(in api: inout ambit_api) {
    api.param = { handle, name in
      guard let name, let request = RequestPointer.of(handle) else { return .absent }
      return request.parameter(CString.bytes(name)).map(ambit_str.init) ?? .absent
    }
    api.query = { handle, name in
      guard let name else { return .absent }
      return RequestCalls.onLoop(handle) { $0.queryValue(CString.bytes(name)).map(ambit_str.init) ?? .absent }
    }
    api.header = { handle, name in
      guard let name, let request = RequestPointer.of(handle) else { return .absent }
      return request.field(CString.bytes(name)).map(ambit_str.init) ?? .absent
    }
  }

  private static func installFields(in api: inout ambit_api) {
    api.header_count = { RequestPointer.of($0)?.pointee.head.fieldCount ?? 0 }
    api.header_at = { handle, index, name, value in
      name?.pointee = .absent
      value?.pointee = .absent
      // A position beyond Int.max comes as a negative one.
      guard let request = RequestPointer.of(handle), index >= 0, index < request.pointee.head.fieldCount else {
        return false
      }
      let field = request.pointee.fields[index]
      name?.pointee = ambit_str(request.bytes(field.name))
      value?.pointee = ambit_str(request.bytes(field.value))
      return true
    }
  }

  /// Runs a look-up that may take memory of the scope, which is the loop's to give.
  private static func onLoop(
    _ handle: UnsafeMutablePointer<ambit_scope>?, _ body: (RequestPointer) -> ambit_str
  ) -> ambit_str {
    guard let request = RequestPointer.of(handle) else { return .absent }
    var text = ambit_str.absent
    _ = CallSite.loop(handle) { _ in
      text = body(request)
      return .ok
    }
    return text
  }
}

extension UnsafeMutablePointer<Request> {
  @inline(__always)
  fileprivate func text(_ range: ByteRange?) -> ambit_str {
    range.map { ambit_str(bytes($0)) } ?? .absent
  }
}
