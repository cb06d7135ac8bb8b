import AmbitCore
import Testing

@Suite("Accept fields") struct AcceptTests {
  private func prefersJSON(_ fields: [String]) -> Bool {
    var preference = Accept()
    for field in fields { preference.add(Array(field.utf8).span.bytes) }
    return preference.prefersJSON
  }

  @Test(arguments: [
    ["application/json"], ["APPLICATION/Json"], ["application/*"], ["text/plain;q=0.5, application/json"],
    ["application/json;q=0.5,text/plain;q=0.4"], ["*/*;q=0.1, application/json"], ["text/html", "application/json"],
    ["application/json;charset=utf-8;q=0.3, */*;q=0.2"], ["*/*, text/plain;q=0"], ["*/*;q=0.5,text/*;q=0.4"],
    ["text/plain ; q=0.001 , application/json\t;\tQ=0.002"], ["application/json;q=1.000, text/plain;q=0.999"],
  ])
  func `The client's Accept prefers JSON`(fields: [String]) {
    #expect(prefersJSON(fields))
  }

  @Test(arguments: [
    [], [""], ["*/*"], ["text/plain"], ["text/*"], ["application/json, text/plain"], ["image/png"],
    ["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"], ["application/json;q=0"],
    ["application/json;q=0.5, text/plain"], ["application/json;q=2"], ["application/json;q=0.1234, */*;q=0"],
    ["application/json;q="], ["application/json;q=1.1"], ["application/jsonx"], ["*/*;q=0.4, application/json;q=0.3"],
    ["application/json;q=0.5, */*;q=0.9, text/plain;q=0.6"], [",;,/;q"], ["application/json;q=0.x"],
  ])
  func `The client's Accept prefers text`(fields: [String]) {
    #expect(!prefersJSON(fields))
  }
}
