import AmbitCore
import Testing

@Suite struct `A media type` {
  @Test(arguments: ["text/plain", "a/b", "image/svg+xml", "text/csv;charset=utf-8", "text/csv ; q=\"a b\"", "a/b;é"])
  func `A media type is a type, a subtype and parameters`(text: String) {
    #expect(MediaType.isValid(text))
  }

  @Test(arguments: [
    "", "text", "text/", "/x", "text/a/b", "text/a ", " text/a", "text/a b", "text/a;\u{7}", "text/a;\r\nX: y",
    "text/é",
  ])
  func `A malformed media type is refused`(text: String) {
    #expect(!MediaType.isValid(text))
  }
}
