package import AmbitRuntime
package import AmbitSystem
internal import CAmbit

/// The part of the host's function table that is about requests and responses.
package enum HTTPCalls {
  /// The host's whole table: the runtime's calls and these, with a check in front of each if they are to be checked.
  /// - Throws: if the system has no memory for it.
  package static func makeTable(isChecked: Bool = false) throws(SystemError) -> HostTable {
    try HostTable(
      isChecked: isChecked,
      installing: { api in
        RequestCalls.install(in: &api)
        BodyCalls.install(in: &api)
        ResponseCalls.install(in: &api)
      }, checks: CheckedHTTPCalls.install)
  }
}

extension ambit_str {
  /// Reports that there is no text, not even an empty one.
  static var absent: ambit_str { ambit_str(ptr: nil, len: 0) }

  /// Bytes that live as long as the scope.
  @inline(__always)
  init(_ bytes: UnsafeRawBufferPointer) {
    // An empty text is not an absent one: it points somewhere.
    self.init(ptr: (bytes.baseAddress ?? Self.somewhere).assumingMemoryBound(to: CChar.self), len: bytes.count)
  }

  private static var somewhere: UnsafeRawPointer { UnsafeRawPointer(("" as StaticString).utf8Start) }
}

/// The checks of checked mode for the calls about requests and responses: one line for each entry, as in
/// `CheckedCalls`.
enum CheckedHTTPCalls {
  /// Puts checks in front of the entries of `api`, whose calls lie in the table behind it.
  static func install(in api: inout ambit_api) {
    installRequest(in: &api)
    installFields(in: &api)
    installResponse(in: &api)
    installBody(in: &api)
  }

  private static func installRequest(in api: inout ambit_api) {
    api.method = { $0.permits("ambit_method") ? $0.calls.pointee.method($0) : .absent }
    api.path = { $0.permits("ambit_path") ? $0.calls.pointee.path($0) : .absent }
    api.target = { $0.permits("ambit_target") ? $0.calls.pointee.target($0) : .absent }
    api.query_string = { $0.permits("ambit_query_string") ? $0.calls.pointee.query_string($0) : .absent }
    api.scheme = { $0.permits("ambit_scheme") ? $0.calls.pointee.scheme($0) : .absent }
    api.authority = { $0.permits("ambit_authority") ? $0.calls.pointee.authority($0) : .absent }
    api.peer = { $0.permits("ambit_peer") ? $0.calls.pointee.peer($0) : .absent }
    api.route_pattern = { $0.permits("ambit_route_pattern") ? $0.calls.pointee.route_pattern($0) : .absent }
    api.request_id = { $0.permits("ambit_request_id") ? $0.calls.pointee.request_id($0) : .absent }
    api.body_length = { $0.permits("ambit_body_length") ? $0.calls.pointee.body_length($0) : 0 }
    api.read = { $0.waitViolation("ambit_read").map { Int64($0) } ?? $0.calls.pointee.read($0, $1, $2) }
    api.body = { $0.waitViolation("ambit_body") ?? $0.calls.pointee.body($0, $1) }
  }

  private static func installFields(in api: inout ambit_api) {
    api.param = { $0.permits("ambit_param") ? $0.calls.pointee.param($0, $1) : .absent }
    api.query = { $0.permits("ambit_query") ? $0.calls.pointee.query($0, $1) : .absent }
    api.header = { $0.permits("ambit_header") ? $0.calls.pointee.header($0, $1) : .absent }
    api.header_count = { $0.permits("ambit_header_count") ? $0.calls.pointee.header_count($0) : 0 }
    api.header_at = { $0.permits("ambit_header_at") ? $0.calls.pointee.header_at($0, $1, $2, $3) : false }
  }

  private static var headRule: String { "status and headers are set before the response begins" }
  private static var bodyRule: String { "a response is begun once, then written, and ended once" }

  private static func installResponse(in api: inout ambit_api) {
    api.set_status = { scope, status in
      scope.violation("ambit_set_status")
        ?? scope.expecting(CheckedHTTPCalls.headRule, "ambit_set_status", scope.calls.pointee.set_status(scope, status))
    }
    api.set_header = { scope, name, value in
      scope.violation("ambit_set_header")
        ?? scope.expecting(
          CheckedHTTPCalls.headRule, "ambit_set_header", scope.calls.pointee.set_header(scope, name, value))
    }
    api.add_header = { scope, name, value in
      scope.violation("ambit_add_header")
        ?? scope.expecting(
          CheckedHTTPCalls.headRule, "ambit_add_header", scope.calls.pointee.add_header(scope, name, value))
    }
    api.respond = { scope, status, type, bytes, length in
      scope.waitViolation("ambit_respond")
        ?? scope.expecting(
          CheckedHTTPCalls.bodyRule, "ambit_respond", scope.calls.pointee.respond(scope, status, type, bytes, length))
    }
    api.begin = { scope, status, length in
      scope.violation("ambit_begin")
        ?? scope.expecting(CheckedHTTPCalls.bodyRule, "ambit_begin", scope.calls.pointee.begin(scope, status, length))
    }
  }

  private static func installBody(in api: inout ambit_api) {
    api.write = { scope, bytes, length in
      scope.waitViolation("ambit_write")
        ?? scope.expecting(CheckedHTTPCalls.bodyRule, "ambit_write", scope.calls.pointee.write(scope, bytes, length))
    }
    api.end = { scope in
      scope.waitViolation("ambit_end")
        ?? scope.expecting(CheckedHTTPCalls.bodyRule, "ambit_end", scope.calls.pointee.end(scope))
    }
    api.send_file = { scope, file, offset, length in
      scope.waitViolation("ambit_send_file")
        ?? scope.expecting(
          CheckedHTTPCalls.bodyRule, "ambit_send_file", scope.calls.pointee.send_file(scope, file, offset, length))
    }
  }
}
