import TestSupport
import Testing

/// Functions of libc, libm and libz that know nothing of the host, behind routes of `host.conf`.
@Suite struct `Functions of the system` {
  @Test func `Functions of the system answer over HTTP what they answer when C calls them`() async throws {
    let calls = try await Self.calls()
    try await withHost([], configuration: configuration) { host in
      let connection = try host.connect()
      defer { connection.close() }
      for call in calls {
        for accept in ["text/plain", "application/json"] {
          try await connection.send("GET \(call.target) HTTP/1.1\r\nHost: ambit\r\nAccept: \(accept)\r\n\r\n")
          let response = try await connection.response()
          #expect(response.status == 200, "\(call): \(response.text)")
          let inJSON = accept == "application/json" || call.expected.count > 1
          let answers = inJSON ? members(response.text) : [response.text]
          #expect(answers.count == call.expected.count, "\(call): \(response.text)")
          for (answer, value) in zip(answers, call.expected) {
            #expect(value.isSame(as: answer, inJSON: inJSON), "\(call): \(answer)")
          }
        }
      }
    }
  }

  private struct Call {
    let function: String
    let target: String
    let expected: [CValue]
  }

  /// Each call of the table with its result in C.
  private static func calls() async throws -> [Call] {
    let calls = SystemFunction.all.enumerated().flatMap { index, function in
      function.arguments.map { (function, "/\(index)?\(function.query($0))", function.expressions($0)) }
    }
    var values = try await evaluateInC(calls.flatMap(\.2))[...]
    return calls.map { function, target, expressions in
      defer { values = values.dropFirst(expressions.count) }
      return Call(function: function.call, target: target, expected: Array(values.prefix(expressions.count)))
    }
  }

  /// A route for each function, some on pool threads and some on the loop.
  private var configuration: String {
    SystemFunction.all.enumerated().map { index, function in
      "[[route]]\nmatch = 'GET /\(index)'\ncall = '\(function.call)'\nblocking = \(index.isMultiple(of: 2))\n"
        + "serial = false\n"
    }.joined()
  }

  /// The values of an object whose strings have neither escapes nor commas.
  private func members(_ object: String) -> [String] {
    object.dropFirst().dropLast().split(separator: ",").map { member in
      String(member.drop { $0 != ":" }.dropFirst())
    }
  }

  @Test(arguments: [
    ("/link?path=/nowhere", "readlink", "the function failed: No such file or directory"),
    ("/access?path=/nowhere", "access", "the function returned status -1"),
  ])
  func `Functions of the system that fail are answered with 500 and the reason`(
    path: String, name: String, reason: String
  ) async throws {
    let configuration = """
      [[route]]
      match = "GET /link"
      call = "libc.so.6: i64 errno readlink(str path, buffer(64) target, size len(target))"
      [[route]]
      match = "GET /access"
      call = "libc.so.6: status access(str path, i32 4)"
      """
    try await withHost([], configuration: configuration) { host in
      let response = try await host.get(path)
      #expect(response.status == 500)
      #expect(response.text.contains(reason), "\(response.text)")
      try await host.log.line(containing: reason)
    }
  }
}
