import TestSupport
import Testing

/// Requests that two servers in a row could understand differently (RFC 9112, section 11.2). Each is the last one of
/// its connection, and the bytes behind it are never taken for a request.
@Suite struct `Ambiguous requests` {
  struct Case: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let request: String
    init(_ description: String, _ request: String) { (testDescription, self.request) = (description, request) }
  }

  private static let post = "POST /echo HTTP/1.1\r\nHost: ambit\r\n"

  static let cases: [Case] = [
    Case("both lengths", post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    Case("two lengths that differ", post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhallo"),
    Case("a list of lengths", post + "Content-Length: 5, 5\r\n\r\nhallo"),
    Case("a length with a sign", post + "Content-Length: +5\r\n\r\nhallo"),
    Case("a length in hexadecimal", post + "Content-Length: 0x5\r\n\r\nhallo"),
    Case("a length that overflows", post + "Content-Length: 18446744073709551621\r\n\r\nhallo"),
    Case("a negative length", post + "Content-Length: -1\r\n\r\n"),
    Case("an empty length", post + "Content-Length:\r\n\r\n"),
    Case("a space before the colon", post + "Content-Length : 5\r\n\r\nhallo"),
    Case("a folded line", post + "X-Folded: a\r\n b\r\nContent-Length: 0\r\n\r\n"),
    Case("a bare LF between fields", post + "X-A: b\nContent-Length: 0\r\n\r\n"),
    Case("a bare LF at the end of the head", post + "Content-Length: 0\r\n\n"),
    Case("a bare CR in a value", post + "X-A: b\rc\r\nContent-Length: 0\r\n\r\n"),
    Case("a NUL in a value", post + "X-A: b\0c\r\nContent-Length: 0\r\n\r\n"),
    Case("a field without a colon", post + "Content-Length\r\n\r\n"),
    Case("a field without a name", post + ": 5\r\n\r\n"),
    Case("no Host", "GET /hello/x HTTP/1.1\r\n\r\n"),
    Case("two Hosts", "GET /hello/x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    Case("two spaces in the request line", "GET  /hello/x HTTP/1.1\r\nHost: ambit\r\n\r\n"),
    Case("a tab in the request line", "GET\t/hello/x HTTP/1.1\r\nHost: ambit\r\n\r\n"),
    Case("a request line without a version", "GET /hello/x\r\nHost: ambit\r\n\r\n"),
    Case("chunked twice", post + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    Case("chunked in HTTP 1.0", "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    Case("a coding disguised by a vertical tab", post + "Transfer-Encoding:\u{b}chunked\r\n\r\n0\r\n\r\n"),
  ]

  @Test(arguments: cases)
  func `An ambiguous request is answered 400 and the connection is closed`(ambiguous: Case) async throws {
    try await withHost([.sample("hello")]) { host in
      let connection = try host.connect()
      try await connection.send(ambiguous.request + "GET /hello/smuggled HTTP/1.1\r\nHost: ambit\r\n\r\n")
      let answer = try await connection.response()
      #expect(answer.status == 400)
      #expect(answer["Connection"]?.lowercased() == "close")
      #expect(isOneLine(answer.text))
      #expect(try await connection.rest().isEmpty)
    }
  }

  static let chunks: [Case] = [
    Case("a size with a sign", "+5\r\nhallo\r\n0\r\n\r\n"), Case("a size with a prefix", "0x5\r\nhallo\r\n0\r\n\r\n"),
    Case("a size that overflows", "10000000000000005\r\nhallo\r\n0\r\n\r\n"),
    Case("no size", "\r\nhallo\r\n0\r\n\r\n"), Case("a bare LF after the size", "5\nhallo\r\n0\r\n\r\n"),
    Case("more data than the size says", "3\r\nhallo\r\n0\r\n\r\n"),
    Case("a space before the size", " 5\r\nhallo\r\n0\r\n\r\n"),
    Case("a bare LF in an extension", "5;a\nb\r\nhallo\r\n0\r\n\r\n"),
    Case("a malformed trailer", "0\r\nX : y\r\n\r\n"),
  ]

  @Test(arguments: chunks)
  func `A bad chunk ends the connection, with a 400 if nothing was sent`(bad: Case) async throws {
    try await withHost([.probe("bodies"), .sample("hello")]) { host in
      let connection = try host.connect()
      try await connection.send(
        "POST /measure HTTP/1.1\r\nHost: ambit\r\nTransfer-Encoding: chunked\r\n\r\n\(bad.request)"
          + "GET /hello/smuggled HTTP/1.1\r\nHost: ambit\r\n\r\n")
      #expect(try await connection.response().status == 400)
      #expect(try await connection.rest().isEmpty)
    }
  }
}
