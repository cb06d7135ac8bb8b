import TestSupport
import Testing

/// C functions that plugins run as jobs, by their signatures.
@Suite struct `C functions as jobs` {
  @Test func `A C function as a job gets copies of its arguments, and its number is the job's code`() async throws {
    try await withHost([.probe("c_calls")]) { host in
      let expected = "7 -128 18446744073709551615 0.5 -1e+300 1 text bytes same 1\n"
      #expect(try await host.get("/spawn").text == expected)
      try await host.log.line(containing: "ended arg=(nil) outcome=completed code=7")
    }
  }

  @Test func `A C function as a job runs on a pool thread on request, where the scope works too`() async throws {
    try await withHost([.probe("c_calls")]) { host in
      let answer = try await host.get("/spawn-on-thread")
      #expect(answer.text == "1\n")
    }
  }

  @Test(arguments: [
    ("number/12", "0 completed 12"), ("number/-10", "0 failed -10"), ("number/-1", "0 cancelled -1"),
    ("status/0", "0 completed 0"), ("status/22", "0 failed 22"),
  ])
  func `A C function as a job ends as its result says`(path: String, answer: String) async throws {
    try await withHost([.probe("c_calls")]) { host in
      let response = try await host.get("/spawn/\(path)")
      #expect(response.text == "\(answer)\n")
    }
  }

  @Test func `A C function as a job fails with the system's reason if -1 means that it failed`() async throws {
    try await withHost([.probe("c_calls")]) { host in
      #expect(try await host.get("/spawn/errno/0").text == "0 failed -1\n")
      let line = try await host.log.line(containing: "job returned -1: No such file or directory")
      #expect(line.field("plugin") == "c_calls/1")
      #expect(line.field("job") == "call")
    }
  }

  @Test func `A C function is refused as a job if signature and arguments do not fit, and its hook still runs`()
    async throws
  {
    try await withHost([.probe("c_calls")]) { host in
      #expect(try await host.get("/spawn-refused").text == "9 invalid, no job\n")
      let reasons = try await host.log.lines(9) { $0.contains("ambit_spawn_call:") }
      for (line, reason) in zip(
        reasons,
        [
          "signature \"i32 (i23 code)\":1:6: unknown type `i23`",
          "argument 1 of \"i32 (i8 code)\": expected i8 (-128 to 127), found the integer 300",
          "signature \"i32 (i32 code)\": expected 1 argument, found 2",
          "argument 1 of \"i32 (f64 code)\": expected f64 (a decimal number",
          "argument 1 of \"i32 (str code)\": expected str (text without NUL), found a text of 3 bytes",
          "argument 1 of \"i32 (i32 code)\": expected i32 (-2147483648 to 2147483647), found a value of the unknown kind",
          "argument 1 of \"i32 (bytes code)\": expected bytes, found 18446744073709551615 bytes",
          "function: expected a C function, found NULL", "signature: expected a text, found NULL",
        ])
      {
        #expect(line.contains(reason), "\(line)")
        #expect(line.field("plugin") == "c_calls/1")
        #expect(line.field("fault") == "plugin")
      }
      let ends = try await host.log.lines(9) { $0.text.hasPrefix("ended") }
      #expect(ends.allSatisfy { $0.text == "ended arg=(nil) outcome=cancelled code=-4" })
    }
  }

  @Test func `A C function does not run as a job in a scope that is ending, and its hook does`() async throws {
    try await withHost([.probe("c_calls")]) { host in
      let connection = try host.connect()
      try await connection.send("GET /spawn-when-cancelled HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "spawn returned -1")
      try await host.log.line(containing: "ended arg=(nil) outcome=cancelled code=-1")
      #expect(host.log.lines { $0.text == "copied" }.isEmpty)
    }
  }
}
