import AmbitCore
import Testing

@Suite("Reason phrase")
struct ReasonPhraseTests {
  @Test(arguments: [
    (100, "Continue"), (200, "OK"), (204, "No Content"), (304, "Not Modified"), (404, "Not Found"),
    (413, "Content Too Large"), (418, ""), (431, "Request Header Fields Too Large"), (503, "Service Unavailable"),
    (505, "HTTP Version Not Supported"), (99, ""), (299, ""), (599, ""), (600, ""), (-1, ""),
  ])
  func `A reason phrase is the registered one or empty`(status: Int, phrase: String) {
    #expect("\(ReasonPhrase.text(for: status))" == phrase)
  }

  @Test(arguments: HTTPParseError.allCases)
  func `A reason phrase exists for each error`(error: HTTPParseError) {
    #expect(ReasonPhrase.text(for: Int(error.status)).utf8CodeUnitCount > 0)
  }
}
