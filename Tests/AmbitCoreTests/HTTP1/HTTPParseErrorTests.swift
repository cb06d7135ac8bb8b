import AmbitCore
import Testing

@Suite("HTTP parse error")
struct HTTPParseErrorTests {
  @Test(
    arguments: [
      (.bareLineFeed, 400), (.twoLengths, 400), (.missingHost, 400), (.chunkTooLarge, 400), (.targetTooLong, 414),
      (.unknownExpectation, 417), (.headTooLong, 431), (.tooManyFields, 431), (.trailersTooLong, 431),
      (.unknownTransferCoding, 501), (.unsupportedVersion, 505),
    ] as [(HTTPParseError, UInt16)])
  func `A rejection has the status that tells the client what to change`(error: HTTPParseError, status: UInt16) {
    #expect(error.status == status)
  }

  @Test func `A rejection has a text of one line, and no other rejection has the same`() {
    let texts = HTTPParseError.allCases.map { "\($0.text)" }
    #expect(Set(texts).count == texts.count)
    for text in texts {
      #expect(text.utf8.allSatisfy { (0x20...0x7e).contains($0) } && !text.isEmpty)
    }
  }

  @Test(
    arguments: [
      (
        "GET /hello/Zo\u{eb} HTTP/1.1\r\n",
        "byte 10 of the request target is 0xC3, which must be percent-encoded as %C3"
      ),
      ("GET /a\tb HTTP/1.1\r\n", "byte 3 of the request target is 0x09, which must be percent-encoded as %09"),
      ("\r\nGET /a?b#c HTTP/1.1\r\n", "byte 5 of the request target is 0x23, which must be percent-encoded as %23"),
      ("GET  / HTTP/1.1\r\n", "the request target is empty"),
      ("GET a HTTP/1.1\r\n", "the request target is neither a path that begins with / nor an http URL"),
      ("GET http://a..b/ HTTP/1.1\r\n", "the URL in the request target does not have a host with an optional port"),
      (
        "GET / HTTP/1.1\r\nHost: a\r\nX(Y: 1\r\n",
        "byte 2 of a header line is 0x28, which is not allowed in the name of a header"
      ),
      (
        "GET / HTTP/1.1\r\nX-A:a\u{1}\r\n",
        "byte 2 after the colon of the header X-A is 0x01, a control character"
      ),
      ("GET / HTTP/1.1\r\nnothing\r\n", "a header line has no colon"),
    ])
  func `The reason of a rejection says what is wrong, and which byte`(head: String, reason: String) {
    let bytes = Array(head.utf8)
    for count in 1...bytes.count {
      var parser = HeadParser()
      var fields = [HeaderField](repeating: HeaderField(), count: 10)
      var span = fields.mutableSpan
      var read = RequestHead()
      let window = bytes.span.bytes.extracting(first: count)
      guard case .rejected(let error) = parser.parse(window, into: &read, fields: &span) else { continue }
      #expect(parser.reason(of: error, in: window) == reason, "with \(count) bytes")
      return
    }
    Issue.record("nothing was rejected")
  }

  @Test func `A request whose first line is rejected has its method`() {
    for (line, method) in [("HEAD /\u{e9} HTTP/1.1\r\n", Method.head), ("GET /\u{e9} HTTP/1.1\r\n", .get)] {
      var parser = HeadParser()
      var fields = [HeaderField](repeating: HeaderField(), count: 10)
      var span = fields.mutableSpan
      var read = RequestHead()
      let result = parser.parse(Array(line.utf8).span.bytes, into: &read, fields: &span)
      #expect(result == .rejected(.forbiddenTargetByte) && read.method == method)
    }
  }
}
