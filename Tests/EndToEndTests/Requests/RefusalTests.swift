import TestSupport
import Testing

/// Responses that the host gives without a handler.
@Suite struct `Refusals` {
  /// A request that is refused, and how.
  struct Case: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let request: String
    let status: Int
    let reason: String
    /// Whether the connection is closed: it must be if the end of the request is not known.
    let closes: Bool
  }

  private static let host = "Host: ambit\r\n"

  static let cases: [Case] = [
    Case(
      testDescription: "a line that is no request", request: "hello?\r\n\r\n", status: 400, reason: "Bad Request",
      closes: true),
    Case(
      testDescription: "a path without a route", request: "GET /nowhere HTTP/1.1\r\n\(host)\r\n", status: 404,
      reason: "Not Found", closes: false),
    Case(
      testDescription: "a method the path does not have", request: "DELETE /hello/x HTTP/1.1\r\n\(host)\r\n",
      status: 405, reason: "Method Not Allowed", closes: false),
    Case(
      testDescription: "a body above the limit, announced",
      request: "POST /echo HTTP/1.1\r\n\(host)Content-Length: 5000\r\n\r\n", status: 413, reason: "Content Too Large",
      closes: true),
    Case(
      testDescription: "a target above the limit",
      request: "GET /hello/\(String(repeating: "x", count: 9000)) HTTP/1.1\r\n\(host)\r\n", status: 414,
      reason: "URI Too Long", closes: true),
    Case(
      testDescription: "an expectation that is not known",
      request: "POST /echo HTTP/1.1\r\n\(host)Expect: tea\r\nContent-Length: 0\r\n\r\n", status: 417,
      reason: "Expectation Failed", closes: true),
    Case(
      testDescription: "a head above the limit",
      request: "GET /hello/x HTTP/1.1\r\n\(host)X-Long: \(String(repeating: "x", count: 40_000))\r\n\r\n", status: 431,
      reason: "Request Header Fields Too Large", closes: true),
    Case(
      testDescription: "more fields than allowed",
      request: "GET /hello/x HTTP/1.1\r\n\(host)\(String(repeating: "X-A: b\r\n", count: 101))\r\n", status: 431,
      reason: "Request Header Fields Too Large", closes: true),
    Case(
      testDescription: "a method nobody knows", request: "BREW /hello/x HTTP/1.1\r\n\(host)\r\n", status: 501,
      reason: "Not Implemented", closes: false),
    Case(
      testDescription: "a transfer coding nobody knows",
      request: "POST /echo HTTP/1.1\r\n\(host)Transfer-Encoding: gzip, chunked\r\n\r\n", status: 501,
      reason: "Not Implemented", closes: true),
    Case(
      testDescription: "another version of HTTP", request: "GET /hello/x HTTP/2.0\r\n\(host)\r\n", status: 505,
      reason: "HTTP Version Not Supported", closes: true),
  ]

  @Test(arguments: cases)
  func `A refused request gets its status, one line of text, and the fields of every response`(refused: Case)
    async throws
  {
    try await withHost([.sample("hello")], configuration: "[limits]\nmax_body = 1000") { host in
      let connection = try host.connect()
      try await connection.send(refused.request)
      let answer = try await connection.response()
      #expect(answer.status == refused.status)
      #expect(answer.reason == refused.reason)
      #expect(isOneLine(answer.text), "body: \(answer.text)")
      #expect(answer["Content-Type"]?.hasPrefix("text/plain") == true)
      let server = "ambit/\(try await version())"
      #expect(answer["Server"] == server)
      #expect(answer["Date"]?.wholeMatch(of: httpDate) != nil)
      if refused.closes {
        #expect(answer["Connection"]?.lowercased() == "close")
        #expect(try await connection.rest().isEmpty)
      } else {
        try await connection.send("GET /hello/next HTTP/1.1\r\nHost: ambit\r\n\r\n")
        #expect(try await connection.response().text == "Hello, next!\n")
      }
    }
  }

  @Test func `A method that is not allowed is answered with the allowed ones`() async throws {
    try await withHost([.sample("hello"), .sample("counter", language: "cpp")]) { host in
      let delete = try await host.answer(to: "DELETE /counter HTTP/1.1\r\nHost: ambit\r\n\r\n")
      let allowed = delete["Allow"]?.split(separator: ",").map { $0.trimming(while: { $0 == " " }) }
      #expect(Set(allowed ?? []) == ["GET", "HEAD", "POST"])
    }
  }

  @Test func `A head that does not arrive in time is answered 408 and the connection is closed`() async throws {
    try await withHost([.sample("hello")], configuration: "[limits]\nheader_timeout = \"200ms\"") { host in
      let connection = try host.connect()
      try await connection.send("GET /hello/x HTTP/1.1\r\nHost: am")
      let answer = try await connection.response()
      #expect(answer.status == 408 && answer.reason == "Request Timeout")
      #expect(isOneLine(answer.text))
      #expect(try await connection.rest().isEmpty)
    }
  }

  @Test func `A chunked body that grows above the limit is answered 413`() async throws {
    try await withHost([.probe("bodies")], configuration: "[limits]\nmax_body = 10") { host in
      let answer = try await host.answer(
        to: "POST /measure HTTP/1.1\r\nHost: ambit\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n")
      #expect(answer.status == 413)
      #expect(isOneLine(answer.text))
      try await host.log.line(containing: "body status=-5")
    }
  }

  @Test(arguments: [
    (
      "a target", 414, "GET /hello/\(String(repeating: "x", count: 9000)) HTTP/1.1\r\n\(host)\r\n", "target is too long"
    ),
    ("a head", 431, "GET / HTTP/1.1\r\n\(host)X: \(String(repeating: "x", count: 40_000))\r\n\r\n", "head is too long"),
    ("fields", 431, "GET / HTTP/1.1\r\n\(host)\(String(repeating: "X: b\r\n", count: 101))\r\n", "too many header"),
    ("a wait", 408, "GET /hello/x HTTP/1.1\r\nHost: am", "the request head did not arrive in time"),
  ])
  func `A refused client without a route leaves one line with its address`(
    what: String, status: Int, request: String, reason: String
  ) async throws {
    try await withHost([.sample("hello")], configuration: "threads = 1\n[limits]\nheader_timeout = \"200ms\"") { host in
      for _ in 0..<3 { #expect(try await host.answer(to: request).status == status) }
      let line = try await host.log.line(containing: "answered \(status) after ")
      #expect(line.contains(" INFO ") && line.contains(reason), "\(line)")
      #expect(line.contains("logged at most every 10 s"), "\(line)")
      #expect(line.field("peer")?.hasPrefix("127.0.0.1:") == true, "\(line)")
      #expect(await host.stop() == .exited(0))
      #expect(host.log.lines { $0.contains("answered \(status)") }.count == 1)
    }
  }

  @Test func `A request that takes too long and a body that is too long leave lines with their routes`() async throws {
    let settings = "threads = 1\n[limits]\nrequest_timeout = \"200ms\"\nmax_body = 10"
    try await withHost([.sample("simple_service"), .probe("bodies")], configuration: settings) { host in
      #expect(try await host.get("/hold").status == 504)
      let late = try await host.log.line(containing: "answered 504 after ")
      #expect(late.contains(" INFO ") && late.contains("the request took too long"), "\(late)")
      #expect(late.field("route") == "GET /hold" && late.field("plugin") == "simple_service/1", "\(late)")
      let long = try await host.answer(to: "POST /measure HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n01234567890")
      #expect(long.status == 413)
      let line = try await host.log.line(containing: "answered 413 after ")
      #expect(line.contains(" INFO ") && line.field("route") == "POST /measure", "\(line)")
      #expect(line.field("peer")?.hasPrefix("127.0.0.1:") == true, "\(line)")
    }
  }

  @Test func `Each response of the host that names its request leaves a line with that request`() async throws {
    let settings = "threads = 1\n[limits]\nrequest_timeout = \"200ms\""
    try await withHost([.probe("results")], configuration: settings) { host in
      for (path, text) in [
        ("/late/0", "answered 504 after "), ("/late/0", "answered 504 after "),
        ("/gives-up", " ms: the handler did not respond"),
      ] {
        let answer = try await host.get(path).text
        let request = answer.split(separator: "(request ").last.map { String($0.prefix { $0 != ")" }) }
        let line = try await host.log.line { $0.field("request") == request && $0.contains(text) }
        #expect(!line.contains("logged at most"), "\(line)")
      }
    }
  }

  @Test func `A line that the level of the log drops does not hide the next one`() async throws {
    let settings = "threads = 1\n[limits]\nmax_body = 10\n[log]\nlevel = "
    try await withHost([.probe("bodies")], configuration: settings + "\"info\"") { host in
      let long = "POST /measure HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n01234567890"
      for level in ["warning", "info"] {
        try host.configure("\(settings)\"\(level)\"")
        // The level drops the line about the reload, so the command tells when it is done.
        #expect(try await run(Places.ambit.filePath, ["reload"], in: host.directory).status == .exited(0))
        #expect(try await host.answer(to: long).status == 413)
      }
      let line = try await host.log.line(containing: "answered 413 after ")
      #expect(!line.contains("since the last line"), "\(line)")
    }
  }

  @Test func `A target in raw UTF-8 is refused with the byte that must be percent-encoded`() async throws {
    try await withHost([.sample("hello")]) { host in
      let answer = try await host.answer(to: "GET /hello/Zo\u{eb} HTTP/1.1\r\nHost: ambit\r\n\r\n")
      #expect(answer.status == 400)
      let reason = "byte 10 of the request target is 0xC3, which must be percent-encoded as %C3"
      #expect(answer.text == "400 Bad Request: \(reason)\n")
      #expect(try await host.get("/hello/Zo%C3%AB").text == "Hello, Zo\u{eb}!\n")
    }
  }

  @Test func `A handler that sends a body with a status that allows none is told so in the log`() async throws {
    let plugin = PluginFile.source(
      """
      #include <ambit.h>
      static int32_t answer(ambit_scope *scope) { return ambit_respond(scope, 204, "text/plain", "never sent", 10); }
      static const ambit_route routes[] = {{.pattern = "GET /none", .handler = answer}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "none", .routes = routes, .route_count = 1};
      """, name: "none")
    try await withHost([plugin, .sample("hello")], configuration: "threads = 1") { host in
      let connection = try host.connect()
      for _ in 0..<2 {
        try await connection.send("GET /none HTTP/1.1\r\nHost: a\r\n\r\n")
        let answer = try await connection.response()
        #expect(answer.status == 204 && answer["Content-Length"] == nil)
      }
      try await connection.send("GET /hello/next HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(try await connection.response().text == "Hello, next!\n")
      let line = try await host.log.line(containing: "a response with status 204 has no body")
      #expect(line.contains("WARNING") && line.contains("10 bytes of it were dropped"), "\(line)")
      #expect(line.field("plugin") == "none/1" && line.field("route") == "GET /none", "\(line)")
      #expect(await host.stop() == .exited(0))
      #expect(host.log.lines { $0.contains("has no body") }.count == 1)
    }
  }

  @Test func `A handler's own response has the host's fields as well`() async throws {
    try await withHost([.sample("hello")]) { host in
      let answer = try await host.get("/hello/x")
      let server = "ambit/\(try await version())"
      #expect(answer["Server"] == server)
      #expect(answer["Date"]?.wholeMatch(of: httpDate) != nil)
    }
  }

  /// IMF-fixdate, RFC 9110 section 5.6.7.
  private var httpDate: Regex<Substring> {
    /(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT/
  }
}

/// The version that `ambit --version` prints.
func version() async throws -> String {
  let words = try await ambit("--version").text.split(whereSeparator: \.isWhitespace)
  return String(try #require(words.last))
}

extension StringProtocol {
  /// The text without what matches at either end.
  func trimming(while matches: (Character) -> Bool) -> String {
    let start = firstIndex { !matches($0) } ?? endIndex
    let end = lastIndex { !matches($0) }.map(index(after:)) ?? start
    return String(self[start..<end])
  }
}
