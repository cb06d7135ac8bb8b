import AmbitCore
import Testing

@Suite("Header fields")
struct HeaderFieldTests {
  @Test func `Header fields are kept in order, values without the whitespace around them`() {
    let read = ReadHead(
      request("GET / HTTP/1.1", "Host: a", "X-One:1", "x-two: \t a  b\tc \t", "X-One:", "X-Empty: \t ", "a:b:c"))
    #expect(read.fieldTexts == ["Host=a", "X-One=1", "x-two=a  b\tc", "X-One=", "X-Empty=", "a=b:c"])
    #expect(read.head.fieldCount == 6)
  }

  @Test(arguments: ["", "seven77", "eight888", "ten1010101"])
  func `Header fields have names that are tokens`(start: String) {
    let allowed = Set("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
    for byte in UInt8.min...UInt8.max where ![0x09, 0x0a, 0x0d, 0x20, 0x3a].contains(byte) {
      let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\n\(start)".utf8) + [byte] + Array(": v\r\n\r\n".utf8)
      #expect(
        ReadHead(bytes).result == (allowed.contains(byte) ? .complete : .rejected(.invalidFieldName)), "byte \(byte)")
    }
  }

  @Test(arguments: ["", "seven77", "eight888", "ten1010101"])
  func `Header fields have values without control characters`(start: String) {
    for byte in UInt8.min...UInt8.max where ![0x0a, 0x0d].contains(byte) {
      let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\nX: \(start)".utf8) + [byte] + Array("more\r\n\r\n".utf8)
      let isAllowed = byte == 0x09 || byte >= 0x20 && byte != 0x7f
      #expect(ReadHead(bytes).result == (isAllowed ? .complete : .rejected(.invalidFieldValue)), "byte \(byte)")
    }
  }

  @Test(arguments: [
    RejectedInput(.foldedField, " Host: a\r\n"),
    RejectedInput(.foldedField, "Host: a\r\n folded\r\n"),
    RejectedInput(.foldedField, "Host: a\r\n\tX: folded\r\n"),
    RejectedInput(.foldedField, "Host: a\r\n \r\n"),
    RejectedInput(.emptyFieldName, ": a\r\n"),
    RejectedInput(.whitespaceBeforeColon, "Host : a\r\n"),
    RejectedInput(.whitespaceBeforeColon, "Host\t: a\r\n"),
    RejectedInput(.whitespaceBeforeColon, "Content-Length : 5\r\n"),
    RejectedInput(.whitespaceBeforeColon, "no colon here\r\n"),
    RejectedInput(.missingColon, "nocolon\r\n"),
    RejectedInput(.invalidFieldName, "Ho\u{0}st: a\r\n"),
    RejectedInput(.invalidFieldName, "\u{0}Host: a\r\n"),
    RejectedInput(.invalidFieldName, "(Host): a\r\n"),
    RejectedInput(.bareLineFeed, "Host: a\n"),
    RejectedInput(.bareLineFeed, "Host\n"),
    RejectedInput(.bareLineFeed, "Host: a\r\n\n"),
    RejectedInput(.bareLineFeed, "X: \n\r\n"),
    RejectedInput(.bareCarriageReturn, "X: a\rb\r\n"),
    RejectedInput(.bareCarriageReturn, "X: a\r\r\n"),
    RejectedInput(.bareCarriageReturn, "Host: a\r\n\rX: b\r\n"),
    RejectedInput(.bareCarriageReturn, "Host: a\r\n\r\r\n"),
    RejectedInput(.invalidFieldValue, "X: a\u{0}\r\n"),
    RejectedInput(.invalidFieldValue, "X:\u{b} a\r\n"),
  ])
  func `A header line is rejected if it is not exactly of its form`(input: RejectedInput) {
    #expect(ReadHead("GET / HTTP/1.1\r\n" + input.text).result == .rejected(input.error))
  }

  @Test(arguments: [
    "", "a", "a.example", "a.example:80", "a:", "127.0.0.1:8080", "[::1]", "[::1]:8080", "[::ffff:1.2.3.4]",
    "a_b-c.~example", "a%20b", "!$&'()*+,;=", "a:65535", "example.com.", "example.com.:80", "a_.b.", "1.2.3.4.",
    "127.0.0.1", "a%2eb.",
  ])
  func `A Host field holds a host with an optional port`(host: String) {
    let read = ReadHead(request("GET / HTTP/1.1", "hOST: \(host)"))
    #expect(read.result == .complete)
    #expect(read.authority == host)
  }

  @Test(arguments: ["", "seven.7", "eight.88", "nine.-999"])
  func `A Host field holds names of the characters that RFC 3986 allows`(start: String) {
    let allowed = Set("-._~!$&'()*+,;=0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
    for byte in (0x21 as UInt8)...UInt8.max where byte != 0x3a && byte != 0x7f {
      let bytes = Array("GET / HTTP/1.1\r\nHost: \(start)".utf8) + [byte] + Array("x\r\n\r\n".utf8)
      // A dot at the start is an empty label.
      let isAllowed = allowed.contains(byte) && !(start.isEmpty && byte == 0x2e)
      #expect(ReadHead(bytes).result == (isAllowed ? .complete : .rejected(.invalidHost)), "byte \(byte)")
    }
  }

  @Test(arguments: [
    "a b", "a/b", "a?b", "a#b", "u@a", "a:b", "a:80:80", "a:-1", "a:65536", "a:99999999999999999999999", "a\\b", "a\"",
    "<a>",
    ".", ".a", "a..b", "a..", "..", ".:80", "a..:80", "_.._", ".%2e", "a%2E%2eb", "a.%2eb", "%2e", "~..a",
    "long.enough.for.more.than.one.block..example",
    "[", "[]", "[::1", "[::g]", "[::1]a", "[::1]80", "::1", "a[::1]", "a%", "a%2", "a%2g", "\u{e9}", "http://a",
  ])
  func `A Host field is rejected with anything else`(host: String) {
    #expect(ReadHead(request("GET / HTTP/1.1", "Host: \(host)")).result == .rejected(.invalidHost))
  }

  @Test(arguments: [
    RejectedInput(.missingHost, request("GET / HTTP/1.1")),
    RejectedInput(.missingHost, request("GET / HTTP/1.2", "Hos: a", "Hosts: a")),
    RejectedInput(.missingHost, request("GET http://a/ HTTP/1.1")),
    RejectedInput(.repeatedHost, request("GET / HTTP/1.1", "Host: a", "Host: a")),
    RejectedInput(.repeatedHost, request("GET / HTTP/1.0", "Host: a", "HOST: b")),
  ])
  func `A request of HTTP 1 point 1 holds exactly one Host`(input: RejectedInput) {
    #expect(ReadHead(input.text).result == .rejected(input.error))
  }
}
