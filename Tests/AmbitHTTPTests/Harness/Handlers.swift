import CAmbit

/// Handlers that several suites use.
enum Handlers {
  /// Answers with `ok`, and leaves a body unread.
  static let ok: ambit_handler = { ambit_respond($0, 200, "text/plain", "ok", 2) }

  /// Answers with the request's body, whole.
  static let echo: ambit_handler = { scope in
    var body = ambit_str()
    let status = ambit_body(scope, &body)
    return status == AMBIT_OK ? ambit_respond(scope, 200, nil, body.ptr, body.len) : status
  }

  /// Notes `waiting`, waits until its scope ends, and notes the status and the cause.
  static let hold: ambit_handler = { scope in
    scope.note("waiting")
    let status = ambit_sleep(scope, 60_000_000_000)
    scope.note("woken \(status) cause \(ambit_cancelled(scope))")
    return status
  }
}

/// Leaves the response to a job: what the handler returns.
func leaveTo(_ scope: UnsafeMutablePointer<ambit_scope>?, _ job: @escaping ambit_job_fn) -> Int32 {
  let status = ambit_spawn(scope, job, nil, nil, nil)
  return status == AMBIT_OK ? AMBIT_PENDING : status
}
