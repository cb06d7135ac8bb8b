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
