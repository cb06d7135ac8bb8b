import AmbitCore
import Testing

@Suite("Request line")
struct RequestLineTests {
  @Test func `A request line is split into method, target and version`() {
    let read = ReadHead("GET /hello/World?a=1 HTTP/1.1\r\nHost: example.com:8080\r\n\r\n")
    #expect(read.result == .complete)
    #expect(read.head.method == .get)
    #expect(read.text(read.head.methodRange) == "GET")
    #expect(read.text(read.head.target) == "/hello/World?a=1")
    #expect(read.http1.minorVersion == 1)
    #expect(read.http1.length == 57)
  }

  @Test(arguments: [
    ("GET", Method.get), ("HEAD", .head), ("POST", .post), ("PUT", .put), ("DELETE", .delete),
    ("OPTIONS", .options), ("TRACE", .trace), ("PATCH", .patch),
    ("get", .other), ("PURGE", .other), ("GETS", .other), ("PROPFIND", .other), ("M-SEARCH", .other),
    ("!#$%&'*+-.^_`|~09", .other),
  ])
  func `A request line takes any token as the method, and capitals differ from small letters`(
    name: String, method: Method
  ) {
    let read = ReadHead(request("\(name) / HTTP/1.1", "Host: a"))
    #expect(read.head.method == method)
    #expect(read.text(read.head.methodRange) == name)
  }

  @Test(arguments: [("HTTP/1.0", 0), ("HTTP/1.1", 1), ("HTTP/1.2", 1), ("HTTP/1.9", 1)] as [(String, UInt8)])
  func `A request line takes a later 1 point x for 1 point 1`(version: String, minor: UInt8) {
    #expect(ReadHead(request("GET / \(version)", "Host: a")).http1.minorVersion == minor)
  }

  @Test(arguments: 0...4)
  func `A request line may come after a few empty lines, which count as the head's`(count: Int) {
    let text = String(repeating: "\r\n", count: count) + request("GET / HTTP/1.1", "Host: a")
    let read = ReadHead(text)
    #expect(read.result == .complete)
    #expect(read.path == "/")
    #expect(read.http1.length == text.utf8.count)
  }

  @Test func `A request line ends where the head ends, whatever follows`() {
    let head = request("POST / HTTP/1.1", "Host: a", "Content-Length: 4")
    #expect(ReadHead(head + "\u{1}\n\r\n").http1.length == head.utf8.count)
  }

  @Test(arguments: [
    RejectedInput(.tooManyEmptyLines, "\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n"),
    RejectedInput(.bareLineFeed, "\nGET / HTTP/1.1\r\n"),
    RejectedInput(.bareLineFeed, "\r\n\n"),
    RejectedInput(.bareCarriageReturn, "\rGET / HTTP/1.1\r\n"),
    RejectedInput(.invalidMethod, " GET / HTTP/1.1\r\n"),
    RejectedInput(.invalidMethod, "\tGET / HTTP/1.1\r\n"),
    RejectedInput(.invalidMethod, "GET\t/ HTTP/1.1\r\n"),
    RejectedInput(.invalidMethod, "GET\r\n"),
    RejectedInput(.invalidMethod, "G@T / HTTP/1.1\r\n"),
    RejectedInput(.invalidMethod, "G\u{e9}T / HTTP/1.1\r\n"),
    RejectedInput(.invalidMethod, "(GET) / HTTP/1.1\r\n"),
    RejectedInput(.invalidMethod, "\u{16}\u{3}\u{1}\u{2}"),
    RejectedInput(.emptyTarget, "GET  / HTTP/1.1\r\n"),
    RejectedInput(.emptyTarget, "GET  HTTP/1.1\r\n"),
    RejectedInput(.forbiddenTargetByte, "GET /\tHTTP/1.1\r\n"),
    RejectedInput(.forbiddenTargetByte, "GET /a\tb HTTP/1.1\r\n"),
    RejectedInput(.malformedVersion, "GET /\r\n"),
    RejectedInput(.malformedVersion, "GET / \r\n"),
    RejectedInput(.malformedVersion, "GET /  HTTP/1.1\r\n"),
    RejectedInput(.malformedVersion, "GET /a b HTTP/1.1\r\n"),
    RejectedInput(.malformedVersion, "GET / http/1.1\r\n"),
    RejectedInput(.malformedVersion, "GET / Http/1.1\r\n"),
    RejectedInput(.malformedVersion, "GET / HTTP/1\r\n"),
    RejectedInput(.malformedVersion, "GET / HTTP/1.\r\n"),
    RejectedInput(.malformedVersion, "GET / HTTP/1,1\r\n"),
    RejectedInput(.malformedVersion, "GET / HTTP/11\r\n"),
    RejectedInput(.malformedVersion, "GET / HTTP/1.10\r\n"),
    RejectedInput(.malformedVersion, "GET / HTTP/01.1\r\n"),
    RejectedInput(.malformedVersion, "GET / HTTP/-1.1\r\n"),
    RejectedInput(.malformedVersion, "GET / HTTP/1.1 \r\n"),
    RejectedInput(.malformedVersion, "GET / HTTP/1.1\t\r\n"),
    RejectedInput(.malformedVersion, "GET / ICAP/1.1\r\n"),
    RejectedInput(.malformedVersion, "GET / x"),
    RejectedInput(.bareLineFeed, "GET /\n"),
    RejectedInput(.bareLineFeed, "GET / HTTP/1.1\nHost: a\r\n"),
    RejectedInput(.bareCarriageReturn, "GET / HTTP/1.1\rHost: a\r\n"),
    RejectedInput(.bareCarriageReturn, "GET / HTTP/1.1\r\r\n"),
    RejectedInput(.unsupportedVersion, "GET / HTTP/2.0\r\n"),
    RejectedInput(.unsupportedVersion, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    RejectedInput(.unsupportedVersion, "GET / HTTP/0.9\r\n"),
    RejectedInput(.unsupportedVersion, "GET / HTTP/3.1\r\n"),
  ])
  func `A request line is rejected if it is not exactly of its form`(input: RejectedInput) {
    #expect(ReadHead(input.text).result == .rejected(input.error))
  }
}
