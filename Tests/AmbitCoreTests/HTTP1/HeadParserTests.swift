import AmbitCore
import Testing

@Suite("Head parser")
struct HeadParserTests {
  private var parser = HeadParser()
  private var head = RequestHead()

  private mutating func parse(_ text: String) -> HeadResult {
    var storage = [HeaderField](repeating: HeaderField(), count: 10)
    var fields = storage.mutableSpan
    return parser.parse(Array(text.utf8).span.bytes, into: &head, fields: &fields)
  }

  @Test mutating func `The parser reads the next head after a reset, with nothing left of the last one`() {
    #expect(
      parse(request("POST http://a/?b HTTP/1.1", "Host: a", "Content-Length: 1", "Expect: 100-continue")) == .complete)
    parser.reset()
    #expect(parse(request("GET / HTTP/1.0", "Connection: keep-alive")) == .complete)
    parser.reset()
    #expect(parse(request("GET / HTTP/1.0")) == .complete)
    #expect(head == ReadHead(request("GET / HTTP/1.0")).head)
    parser.reset()
    #expect(parse(request("GET / HTTP/1.1")) == .rejected(.missingHost))
    parser.reset()
    #expect(parse(request("GET / HTTP/1.1", "Host: a")) == .complete)
  }

  @Test mutating func `The parser does not read again the lines that it has read`() {
    let lines = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n"
    #expect(parse(lines + "Connec") == .incomplete)
    #expect(parse(String(repeating: "\n", count: lines.utf8.count) + "Connection: close\r\n\r\n") == .complete)
    #expect(head.method == .post)
    #expect(head.body == .known(12))
    #expect(!parser.http1.keepsAlive)
  }

  @Test mutating func `The parser needs no more room than the limit to reach a result`() {
    let limits = HeadLimits(maxHead: 32)
    for text in ["GET / HTTP/1.1\r\nX: ", "GET / HTTP/1.1\r\n", "GET /", "GET", "\r\n\r\nGET / HTTP/1.1\r"] {
      let filled = text + String(repeating: "x", count: 32 - text.utf8.count)
      parser = HeadParser(limits: limits)
      #expect(parse(filled) != .incomplete, "\(filled.debugDescription)")
    }
  }
}
