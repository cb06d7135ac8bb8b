import AmbitCore
import Testing

@Suite("Body reader") struct BodyReaderTests {
  private func reader(_ length: BodyLength) -> BodyReader {
    var reader = BodyReader()
    reader.begin(length)
    return reader
  }

  /// The body in `text`, taken in pieces of at most `size` bytes, and the bytes behind it.
  private func read(_ text: String, as length: BodyLength, piece size: Int) -> (
    body: String, rest: String, isAtEnd: Bool
  ) {
    var reader = reader(length)
    let bytes = Array(text.utf8)
    var body: [UInt8] = []
    var start = 0
    while start < bytes.count, !reader.isAtEnd {
      let window = bytes[start..<min(start + size, bytes.count)]
      let (consumed, event) = reader.next(Array(window).span.bytes)
      start += consumed
      if case .data(let count) = event { body += bytes[start - count..<start] }
      if case .rejected = event { break }
    }
    return (String(decoding: body, as: UTF8.self), String(decoding: bytes[start...], as: UTF8.self), reader.isAtEnd)
  }

  @Test(arguments: 1...20) func `A body reader takes as many bytes as the head announced, and leaves the next request`(
    size: Int
  ) {
    let (body, rest, isAtEnd) = read("hello worldGET", as: .known(11), piece: size)
    #expect(body == "hello world")
    #expect(rest == "GET")
    #expect(isAtEnd)
  }

  @Test(arguments: 1...20) func `A body reader removes the chunked coding of a body of unknown length`(size: Int) {
    let (body, rest, isAtEnd) = read("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET", as: .unknown, piece: size)
    #expect(body == "hello world")
    #expect(rest == "GET")
    #expect(isAtEnd)
  }

  @Test func `A body reader is at the end at once if there is no body`() {
    #expect(reader(.none).isAtEnd)
    #expect(reader(.known(0)).isAtEnd)
    #expect(!reader(.known(1)).isAtEnd)
    #expect(!reader(.unknown).isAtEnd)
  }

  @Test func `A body reader is not at the end of a body that is malformed or cut off`() {
    #expect(!read("x\r\n", as: .unknown, piece: 10).isAtEnd)
    #expect(!read("hel", as: .known(5), piece: 10).isAtEnd)
  }

  @Test(
    arguments: [
      ("", .none, true), ("abc", .known(3), true), ("ab", .known(3), false), ("abcGET", .known(3), true),
      ("1\r\na\r\n0\r\n\r\n", .unknown, true), ("1\r\na\r\n0\r\n", .unknown, false), ("z", .unknown, false),
    ] as [(String, BodyLength, Bool)])
  func `A body reader knows whether the body ends within the bytes that have arrived`(
    text: String, length: BodyLength, ends: Bool
  ) {
    let reader = reader(length)
    #expect(reader.ends(within: Array(text.utf8).span.bytes) == ends)
    #expect(reader.isAtEnd == (length == .none))
  }

  @Test func `A body reader counts bytes that were read past the buffer`() {
    var reader = reader(.known(10))
    reader.take(4)
    #expect(reader.remaining == 6)
    reader.take(6)
    #expect(reader.isAtEnd)
  }
}
