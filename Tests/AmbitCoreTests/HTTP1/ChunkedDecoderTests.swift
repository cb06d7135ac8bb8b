import AmbitCore
import Testing

/// A chunked body and what is in it.
struct DecodedBody: CustomTestStringConvertible, Sendable {
  let input: String
  let body: String

  var testDescription: String { input.debugDescription }
}

@Suite("Chunked body")
struct ChunkedDecoderTests {
  @Test(arguments: [
    DecodedBody(input: "0\r\n\r\n", body: ""),
    DecodedBody(input: "5\r\nhello\r\n0\r\n\r\n", body: "hello"),
    DecodedBody(input: "5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n", body: "hello, world"),
    DecodedBody(input: "0005\r\nhello\r\n0000000000000000\r\n\r\n", body: "hello"),
    DecodedBody(input: "a\r\n0123456789\r\n0\r\n\r\n", body: "0123456789"),
    DecodedBody(input: "A\r\n0123456789\r\n0\r\n\r\n", body: "0123456789"),
    DecodedBody(input: "10\r\n0123456789abcdef\r\n0\r\n\r\n", body: "0123456789abcdef"),
    DecodedBody(input: "2\r\n\r\n\r\n0\r\n\r\n", body: "\r\n"),
    DecodedBody(input: "3;a\r\nabc\r\n0;b=c\r\n\r\n", body: "abc"),
    DecodedBody(input: "3;a=b;c=\"d;\\\"\\\\ \te\"\r\nabc\r\n0\r\n\r\n", body: "abc"),
    DecodedBody(input: "3 ; a = b\t;c =\t\"\" ;d\r\nabc\r\n0\r\n\r\n", body: "abc"),
    DecodedBody(input: "3\r\nabc\r\n0\r\nX: y\r\nChecksum:\t1 2 \r\nEmpty:\r\n\r\n", body: "abc"),
    DecodedBody(input: "3\r\nabc\r\n0\r\nContent-Length: 5\r\n\r\n", body: "abc"),
  ])
  func `A chunked body is its chunks without the framing between them`(_ expected: DecodedBody) {
    let read = ReadBody(expected.input + "GET / HTTP/1.1\r\n")
    #expect(read.last == .end)
    #expect(read.text == expected.body)
    #expect(read.consumed == expected.input.utf8.count)
  }

  @Test(arguments: [
    "", "5", "5\r", "5\r\n", "5\r\nhell", "5\r\nhello", "5\r\nhello\r", "0\r\n", "0\r\nX:", "0\r\n\r", "5;a=\"\\",
  ])
  func `A chunked body goes on until its blank line`(input: QuotedInput) {
    let read = ReadBody(input.text)
    #expect(read.last == .incomplete)
    #expect(read.consumed == input.text.utf8.count)
  }

  @Test func `A chunk may announce up to 2^63 - 1 bytes`() {
    #expect(ReadBody("7fffffffffffffff\r\nx").last == .incomplete)
    #expect(ReadBody("7fffffffffffffff\r\nx").text == "x")
  }

  @Test(arguments: [
    RejectedInput(.malformedChunkSize, "\r\n"),
    RejectedInput(.malformedChunkSize, "g\r\n"),
    RejectedInput(.malformedChunkSize, "-1\r\n"),
    RejectedInput(.malformedChunkSize, "+5\r\nhello\r\n"),
    RejectedInput(.malformedChunkSize, "0x5\r\nhello\r\n"),
    RejectedInput(.malformedChunkSize, " 5\r\nhello\r\n"),
    RejectedInput(.malformedChunkSize, ";a\r\n"),
    RejectedInput(.malformedChunkSize, "5,5\r\n"),
    RejectedInput(.malformedChunkSize, "5.0\r\n"),
    RejectedInput(.malformedChunkSize, "5_0\r\n"),
    RejectedInput(.malformedChunkSize, "5\u{0}\r\n"),
    RejectedInput(.malformedChunkSize, "\u{660}\r\n"),
    RejectedInput(.malformedChunkExtension, "5 \r\nhello\r\n"),
    RejectedInput(.malformedChunkExtension, "5\t\r\nhello\r\n"),
    RejectedInput(.malformedChunkExtension, "5 5\r\n"),
    RejectedInput(.chunkTooLarge, "8000000000000000\r\n"),
    RejectedInput(.chunkTooLarge, "ffffffffffffffff\r\n"),
    RejectedInput(.chunkTooLarge, "10000000000000005\r\n"),
    RejectedInput(.chunkTooLarge, "00000000000000005\r\n"),
    RejectedInput(.bareLineFeed, "5\nhello\r\n"),
    RejectedInput(.bareLineFeed, "\n"),
    RejectedInput(.bareLineFeed, "5;a\nhello\r\n"),
    RejectedInput(.bareLineFeed, "5;a=\"\n\"\r\n"),
    RejectedInput(.bareLineFeed, "5;a=\"\\\n\"\r\n"),
    RejectedInput(.bareCarriageReturn, "5\rhello\r\n"),
    RejectedInput(.bareCarriageReturn, "5\r\r\nhello\r\n"),
    RejectedInput(.bareCarriageReturn, "5;a\rb\r\n"),
    RejectedInput(.malformedChunkExtension, "5;\r\n"),
    RejectedInput(.malformedChunkExtension, "5;;a\r\n"),
    RejectedInput(.malformedChunkExtension, "5;=a\r\n"),
    RejectedInput(.malformedChunkExtension, "5;a=\r\n"),
    RejectedInput(.malformedChunkExtension, "5;a==b\r\n"),
    RejectedInput(.malformedChunkExtension, "5;a=b=c\r\n"),
    RejectedInput(.malformedChunkExtension, "5;a \r\n"),
    RejectedInput(.malformedChunkExtension, "5;a b\r\n"),
    RejectedInput(.malformedChunkExtension, "5;a=b c\r\n"),
    RejectedInput(.malformedChunkExtension, "5;a=\"b\" \r\n"),
    RejectedInput(.malformedChunkExtension, "5;a=\"b\"c\r\n"),
    RejectedInput(.malformedChunkExtension, "5;a=\"b\"=c\r\n"),
    RejectedInput(.malformedChunkExtension, "5;\"a\"\r\n"),
    RejectedInput(.malformedChunkExtension, "5;a=b\"c\"\r\n"),
    RejectedInput(.malformedChunkExtension, "5;a=\"b\r\n\"\r\n"),
    RejectedInput(.malformedChunkExtension, "5;a=\"\u{7f}\"\r\n"),
    RejectedInput(.malformedChunkExtension, "5;a=\"\\\u{0}\"\r\n"),
    RejectedInput(.malformedChunkEnd, "5\r\nhello0\r\n\r\n"),
    RejectedInput(.malformedChunkEnd, "5\r\nhello\n0\r\n\r\n"),
    RejectedInput(.malformedChunkEnd, "5\r\nhello\r0\r\n\r\n"),
    RejectedInput(.malformedChunkEnd, "4\r\nhello\r\n"),
    RejectedInput(.foldedField, "0\r\n X: y\r\n\r\n"),
    RejectedInput(.foldedField, "0\r\nX: y\r\n\tz\r\n\r\n"),
    RejectedInput(.whitespaceBeforeColon, "0\r\nX : y\r\n\r\n"),
    RejectedInput(.emptyFieldName, "0\r\n: y\r\n\r\n"),
    RejectedInput(.missingColon, "0\r\nX\r\n\r\n"),
    RejectedInput(.invalidFieldName, "0\r\n(: y\r\n\r\n"),
    RejectedInput(.invalidFieldValue, "0\r\nX: \u{0}\r\n\r\n"),
    RejectedInput(.bareLineFeed, "0\r\nX: y\n\r\n"),
    RejectedInput(.bareLineFeed, "0\r\n\n"),
    RejectedInput(.bareCarriageReturn, "0\r\nX: y\rz\r\n\r\n"),
    RejectedInput(.bareCarriageReturn, "0\r\n\rX"),
  ])
  func `A chunked body is rejected if it is not exactly of its form`(input: RejectedInput) {
    #expect(ReadBody(input.text).last == .rejected(input.error))
  }

  @Test func `Chunk extensions are accepted up to the limit, all together`() {
    let decoder = ChunkedDecoder(maxExtensions: 6)
    #expect(ReadBody("1;a=\r\n", decoder: decoder).last == .rejected(.malformedChunkExtension))
    #expect(ReadBody("1;abcde\r\n", decoder: decoder).last == .incomplete)
    #expect(ReadBody("1;abcdef", decoder: decoder).last == .rejected(.chunkExtensionsTooLong))
    #expect(ReadBody("1;ab\r\nx\r\n1;ab\r\nx\r\n", decoder: decoder).text == "xx")
    #expect(ReadBody("1;ab\r\nx\r\n1;ab\r\nx\r\n1;", decoder: decoder).last == .rejected(.chunkExtensionsTooLong))
  }

  @Test func `A trailer section is accepted up to the limit`() {
    let decoder = ChunkedDecoder(maxTrailers: 10)
    #expect(ReadBody("0\r\nA:\r\nB:bb\r\n\r\n", decoder: decoder).last == .end)
    #expect(ReadBody("0\r\nA:\r\nB:bbb\r\n\r\n", decoder: decoder).last == .rejected(.trailersTooLong))
    #expect(ReadBody("0\r\nA:bbbbbbbb", decoder: decoder).last == .incomplete)
    #expect(ReadBody("0\r\nA:bbbbbbbbb", decoder: decoder).last == .rejected(.trailersTooLong))
  }

  @Test func `The decoder stays at its end and at its error`() {
    var decoder = ChunkedDecoder()
    let end = Array("0\r\n\r\n".utf8)
    #expect(decoder.next(end.span.bytes) == (5, .end))
    #expect(decoder.next(end.span.bytes) == (0, .end))
    var rejecting = ChunkedDecoder()
    let wrong = Array("x0\r\n".utf8)
    #expect(rejecting.next(wrong.span.bytes) == (1, .rejected(.malformedChunkSize)))
    #expect(rejecting.next(end.span.bytes) == (0, .rejected(.malformedChunkSize)))
  }
}
