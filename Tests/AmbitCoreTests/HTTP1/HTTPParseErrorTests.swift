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
}
