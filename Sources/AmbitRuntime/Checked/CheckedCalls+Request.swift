internal import AmbitCore
internal import CAmbit

extension CheckedCalls {
  fileprivate static var absent: ambit_str { ambit_str(ptr: nil, len: 0) }

  static func installRequest(in api: inout ambit_api) {
    api.method = { $0.permits("ambit_method") ? $0.calls.pointee.method($0) : CheckedCalls.absent }
    api.path = { $0.permits("ambit_path") ? $0.calls.pointee.path($0) : CheckedCalls.absent }
    api.target = { $0.permits("ambit_target") ? $0.calls.pointee.target($0) : CheckedCalls.absent }
    api.query_string = { $0.permits("ambit_query_string") ? $0.calls.pointee.query_string($0) : CheckedCalls.absent }
    api.scheme = { $0.permits("ambit_scheme") ? $0.calls.pointee.scheme($0) : CheckedCalls.absent }
    api.authority = { $0.permits("ambit_authority") ? $0.calls.pointee.authority($0) : CheckedCalls.absent }
    api.peer = { $0.permits("ambit_peer") ? $0.calls.pointee.peer($0) : CheckedCalls.absent }
    api.route_pattern = { $0.permits("ambit_route_pattern") ? $0.calls.pointee.route_pattern($0) : CheckedCalls.absent }
    api.request_id = { $0.permits("ambit_request_id") ? $0.calls.pointee.request_id($0) : CheckedCalls.absent }
    api.body_length = { $0.permits("ambit_body_length") ? $0.calls.pointee.body_length($0) : 0 }
    api.read = { $0.waitRefusal("ambit_read").map { Int64($0) } ?? $0.calls.pointee.read($0, $1, $2) }
    api.body = { $0.waitRefusal("ambit_body") ?? $0.calls.pointee.body($0, $1) }
  }

  static func installFields(in api: inout ambit_api) {
    api.param = { $0.permits("ambit_param") ? $0.calls.pointee.param($0, $1) : CheckedCalls.absent }
    api.query = { $0.permits("ambit_query") ? $0.calls.pointee.query($0, $1) : CheckedCalls.absent }
    api.header = { $0.permits("ambit_header") ? $0.calls.pointee.header($0, $1) : CheckedCalls.absent }
    api.header_count = { $0.permits("ambit_header_count") ? $0.calls.pointee.header_count($0) : 0 }
    api.header_at = { $0.permits("ambit_header_at") ? $0.calls.pointee.header_at($0, $1, $2, $3) : false }
  }

  fileprivate static var headRule: String { "the head of a response is made before it is begun" }
  fileprivate static var bodyRule: String { "a response is begun once, then written, and ended once" }

  static func installResponse(in api: inout ambit_api) {
    api.set_status = { scope, status in
      scope.refusal("ambit_set_status")
        ?? scope.expecting(CheckedCalls.headRule, "ambit_set_status", scope.calls.pointee.set_status(scope, status))
    }
    api.set_header = { scope, name, value in
      scope.refusal("ambit_set_header")
        ?? scope.expecting(
          CheckedCalls.headRule, "ambit_set_header", scope.calls.pointee.set_header(scope, name, value))
    }
    api.add_header = { scope, name, value in
      scope.refusal("ambit_add_header")
        ?? scope.expecting(
          CheckedCalls.headRule, "ambit_add_header", scope.calls.pointee.add_header(scope, name, value))
    }
    api.respond = { scope, status, type, bytes, length in
      scope.waitRefusal("ambit_respond")
        ?? scope.expecting(
          CheckedCalls.bodyRule, "ambit_respond", scope.calls.pointee.respond(scope, status, type, bytes, length))
    }
    api.begin = { scope, status, length in
      scope.refusal("ambit_begin")
        ?? scope.expecting(CheckedCalls.bodyRule, "ambit_begin", scope.calls.pointee.begin(scope, status, length))
    }
    installBody(in: &api)
  }

  private static func installBody(in api: inout ambit_api) {
    api.write = { scope, bytes, length in
      scope.waitRefusal("ambit_write")
        ?? scope.expecting(CheckedCalls.bodyRule, "ambit_write", scope.calls.pointee.write(scope, bytes, length))
    }
    api.end = { scope in
      scope.waitRefusal("ambit_end")
        ?? scope.expecting(CheckedCalls.bodyRule, "ambit_end", scope.calls.pointee.end(scope))
    }
    api.send_file = { scope, file, offset, length in
      scope.waitRefusal("ambit_send_file")
        ?? scope.expecting(
          CheckedCalls.bodyRule, "ambit_send_file", scope.calls.pointee.send_file(scope, file, offset, length))
    }
  }

  static func installPlugin(in api: inout ambit_api) {
    api.state = { $0.permits("ambit_state") ? $0.calls.pointee.state($0) : nil }
    api.set_state = { scope, state in
      scope.refusal("ambit_set_state")
        ?? scope.expecting(
          "the state is set on the plugin's scope, by its start", "ambit_set_state",
          scope.calls.pointee.set_state(scope, state))
    }
    api.setting = { $0.permits("ambit_setting") ? $0.calls.pointee.setting($0, $1) : CheckedCalls.absent }
    api.hand_over = { $0.refusal("ambit_hand_over") ?? $0.calls.pointee.hand_over($0, $1, $2, $3) }
    api.handed_over = { $0.permits("ambit_handed_over") ? $0.calls.pointee.handed_over($0, $1) : CheckedCalls.absent }
    api.fail = { $0.permits("ambit_fail") ? $0.calls.pointee.fail($0, $1, $2) : $1 }
    api.log = { if $0.permits("ambit_log") { $0.calls.pointee.log($0, $1, $2, $3) } }
    api.extension = { $0.permits("ambit_extension") ? $0.calls.pointee.extension($0, $1) : nil }
  }
}
