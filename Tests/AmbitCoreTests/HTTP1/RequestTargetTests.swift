import AmbitCore
import Testing

/// A target and its parts.
struct SplitTarget: CustomTestStringConvertible, Sendable {
  let target: String
  var method = "GET"
  let path: String
  var query: String?
  var authority = "field.example"

  var testDescription: String { "\(method) \(target)" }
}

@Suite("Request target")
struct RequestTargetTests {
  @Test(arguments: [
    SplitTarget(target: "/", path: "/"),
    SplitTarget(target: "/a/b%20c", path: "/a/b%20c"),
    SplitTarget(target: "/?", path: "/", query: ""),
    SplitTarget(target: "/a?b=c", path: "/a", query: "b=c"),
    SplitTarget(target: "/a?b?c/d?", path: "/a", query: "b?c/d?"),
    SplitTarget(target: "//a//", path: "//a//"),
    SplitTarget(target: "/http://b/", path: "/http://b/"),
    SplitTarget(
      target: "/long/enough/for/more/than/one/word?and=the&query=as&well=so",
      path: "/long/enough/for/more/than/one/word", query: "and=the&query=as&well=so"),
    SplitTarget(target: "*", method: "OPTIONS", path: "*"),
    SplitTarget(target: "/a", method: "OPTIONS", path: "/a"),
    SplitTarget(target: "http://a.example/b?c", path: "/b", query: "c", authority: "a.example"),
    SplitTarget(target: "HTTPS://a.example:443/", path: "/", authority: "a.example:443"),
    SplitTarget(target: "http://a.example", path: "", authority: "a.example"),
    SplitTarget(target: "http://a.example?b", path: "", query: "b", authority: "a.example"),
    SplitTarget(target: "http://[::1]:80/", path: "/", authority: "[::1]:80"),
    SplitTarget(target: "http://a/b://c", path: "/b://c", authority: "a"),
    SplitTarget(target: "a.example:443", method: "CONNECT", path: "", authority: "a.example:443"),
    SplitTarget(target: "[2001:db8::1]:443", method: "CONNECT", path: "", authority: "[2001:db8::1]:443"),
  ])
  func `A request target is split by its form`(_ expected: SplitTarget) {
    let read = ReadHead(request("\(expected.method) \(expected.target) HTTP/1.1", "Host: field.example"))
    #expect(read.result == .complete)
    #expect(read.text(read.head.target) == expected.target)
    #expect(read.path == expected.path)
    #expect(read.query == expected.query)
    #expect(read.authority == expected.authority)
  }

  @Test func `A request target needs no Host in HTTP 1 point 0`() {
    let read = ReadHead(request("GET / HTTP/1.0"))
    #expect(read.result == .complete)
    #expect(read.authority == nil)
  }

  @Test(arguments: [
    ("GET", "*"), ("POST", "*"), ("CONNECT", "/"), ("CONNECT", "*"), ("CONNECT", "http://a:80/"),
    ("CONNECT", "a.example"), ("CONNECT", "a..b:443"), ("CONNECT", ".:443"), ("CONNECT", "a.example:"),
    ("CONNECT", ":443"), ("CONNECT", "a:b"), ("CONNECT", "u@a:1"),
  ])
  func `A request target is rejected if its form does not go with the method`(method: String, target: String) {
    let head = request("\(method) \(target) HTTP/1.1", "Host: a")
    #expect(ReadHead(head).result == .rejected(.unsuitableTarget))
  }

  @Test(arguments: [
    "a", "a.example:443", "a/b", "**", "?", "?a", "http:", "http:/", "http:/a", "ftp://a/", "httpx://a/", "http?://a",
  ])
  func `A request target is rejected if it is of no form`(target: QuotedInput) {
    #expect(ReadHead(request("GET \(target.text) HTTP/1.1", "Host: a")).result == .rejected(.invalidTarget))
  }

  @Test(arguments: [
    "http://", "http:///a", "http://:80/", "http://u@a/", "http://u:p@a/", "http://a:b/", "http://a:65536/",
    "http://[::1/", "http://a%2/", "http://a..b/", "http://./", "http://.a/",
  ])
  func `A request target is rejected if its URL has no valid host`(target: QuotedInput) {
    #expect(ReadHead(request("GET \(target.text) HTTP/1.1", "Host: a")).result == .rejected(.invalidTargetHost))
  }

  @Test(arguments: ["/a#b", "/#", "/\u{7f}", "/\u{e9}", "\u{e9}", "/a\u{0}", "/a?b\u{1}", "/a?b#c"])
  func `A request target is rejected if it has a byte that must be percent-encoded`(target: QuotedInput) {
    #expect(ReadHead(request("GET \(target.text) HTTP/1.1", "Host: a")).result == .rejected(.forbiddenTargetByte))
  }

  @Test(arguments: ["/", "/?", "/seven77", "/?seven7"])
  func `A request target consists of visible ASCII without the number sign`(start: String) {
    for byte in UInt8.min...UInt8.max where ![0x0a, 0x0d, 0x20].contains(byte) {
      let bytes = Array("GET \(start)".utf8) + [byte] + Array("x HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
      let isAllowed = (0x21...0x7e).contains(byte) && byte != 0x23
      #expect(ReadHead(bytes).result == (isAllowed ? .complete : .rejected(.forbiddenTargetByte)), "byte \(byte)")
    }
  }
}
