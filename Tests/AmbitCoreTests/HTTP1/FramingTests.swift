import AmbitCore
import Testing

@Suite("Body framing")
struct FramingTests {
  @Test(
    arguments: [
      ([], .none),
      (["Content-Length: 0"], .known(0)),
      (["content-length:  17\t"], .known(17)),
      (["Content-Length: 007"], .known(7)),
      (["Content-Length: 9223372036854775807"], .known(.max)),
      (["Transfer-Encoding: chunked"], .unknown),
      (["TRANSFER-ENCODING: ChunKED "], .unknown),
      (["Content-Lengt: 5", "Content-Lengths: 5", "XContent-Length: 5", "Transfer-Encodin: x"], .none),
    ] as [([String], BodyLength)])
  func `The framing follows the header fields`(lines: [String], framing: BodyLength) {
    let read = ReadHead(request(["POST / HTTP/1.1", "Host: a"] + lines))
    #expect(read.result == .complete)
    #expect(read.head.body == framing)
  }

  @Test func `A body by Content-Length works in HTTP 1 point 0`() {
    #expect(ReadHead(request("POST / HTTP/1.0", "Content-Length: 5")).head.body == .known(5))
  }

  @Test(arguments: [
    "", "-1", "+1", "1.0", "0x10", "1e3", "a", "5 5", "5, 5", "5,5", "5;5", "\"5\"", "5\t6", "\u{660}",
    "9223372036854775808", "18446744073709551621", "99999999999999999999999999999999",
  ])
  func `A request is rejected if its Content-Length is not one number`(value: QuotedInput) {
    let head = request("POST / HTTP/1.1", "Host: a", "Content-Length: \(value.text)")
    #expect(ReadHead(head).result == .rejected(.malformedContentLength))
  }

  @Test(arguments: [
    RejectedInput(.malformedTransferEncoding, ""),
    RejectedInput(.malformedTransferEncoding, ",chunked"),
    RejectedInput(.malformedTransferEncoding, "chunked,"),
    RejectedInput(.malformedTransferEncoding, "chunked, chunked"),
    RejectedInput(.malformedTransferEncoding, "chunked, gzip"),
    RejectedInput(.malformedTransferEncoding, "chunked,identity"),
    RejectedInput(.unknownTransferCoding, "gzip"),
    RejectedInput(.unknownTransferCoding, "gzip, chunked"),
    RejectedInput(.unknownTransferCoding, "identity"),
    RejectedInput(.unknownTransferCoding, "xchunked"),
    RejectedInput(.unknownTransferCoding, "chunkedx"),
    RejectedInput(.unknownTransferCoding, "chunked;a=b"),
    RejectedInput(.unknownTransferCoding, "\"chunked\""),
    RejectedInput(.invalidFieldValue, "chunke\u{4}"),
    RejectedInput(.invalidFieldValue, "\u{b}chunked"),
    RejectedInput(.unknownTransferCoding, "c\u{212a}unked"),
  ])
  func `A request is rejected if its Transfer-Encoding is not chunked alone`(value: RejectedInput) {
    let head = request("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: \(value.text)")
    #expect(ReadHead(head).result == .rejected(value.error))
  }

  @Test(
    arguments: [
      (.twoLengths, ["Content-Length: 5", "Transfer-Encoding: chunked"]),
      (.twoLengths, ["Transfer-Encoding: chunked", "Content-Length: 5"]),
      (.twoLengths, ["Transfer-Encoding: chunked", "X: y", "content-length: 0"]),
      (.twoLengths, ["Content-Length: 5", "Transfer-Encoding: identity"]),
      (.repeatedContentLength, ["Content-Length: 5", "Content-Length: 6"]),
      (.repeatedContentLength, ["Content-Length: 5", "content-length: 5"]),
      (.malformedTransferEncoding, ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"]),
      (.malformedTransferEncoding, ["Transfer-Encoding: chunked", "Transfer-Encoding: gzip"]),
      (.unknownTransferCoding, ["Transfer-Encoding: gzip", "Transfer-Encoding: chunked"]),
      (.whitespaceBeforeColon, ["Transfer-Encoding : chunked"]),
      (.malformedTransferEncoding, ["Transfer-Encoding:", " chunked"]),
      (.foldedField, ["X: y", " Content-Length: 5"]),
    ] as [(HTTPParseError, [String])])
  func `A request is rejected if two servers could find two ends`(error: HTTPParseError, lines: [String]) {
    let head = request(["POST / HTTP/1.1", "Host: a"] + lines)
    #expect(ReadHead(head).result == .rejected(error))
  }

  @Test func `A request is rejected if a Transfer-Encoding comes with HTTP 1 point 0`() {
    let head = request("POST / HTTP/1.0", "Transfer-Encoding: chunked")
    #expect(ReadHead(head).result == .rejected(.transferEncodingInOldVersion))
  }
}
