import AmbitCore
import Foundation
import Testing

@Suite struct `JSON values` {
  private let value = JSONValue.object([
    ("name", .string("a \"b\"\n")), ("count", .integer(-3)), ("flag", .bool(true)), ("none", JSONValue(nil)),
    ("list", .array([.integer(1), .array([]), .object([])])),
  ])

  @Test func `JSON values are written on one line`() {
    #expect(value.line == #"{"name":"a \"b\"\n","count":-3,"flag":true,"none":null,"list":[1,[],{}]}"#)
  }

  @Test func `JSON values are written over several lines, empty ones on one`() {
    let expected = #"""
      {
        "name": "a \"b\"\n",
        "count": -3,
        "flag": true,
        "none": null,
        "list": [
          1,
          [],
          {}
        ]
      }
      """#
    #expect(value.indented == expected)
  }

  @Test func `JSON values that were written are read again as they were`() throws {
    let text = String(String.UnicodeScalarView((0...0x2030).compactMap(Unicode.Scalar.init))) + "\u{1F600}"
    for written in [JSONValue.string(text).line, JSONValue.string(text).indented] {
      let read = try JSONSerialization.jsonObject(with: Data(written.utf8), options: .fragmentsAllowed)
      #expect((read as? String)?.unicodeScalars.elementsEqual(text.unicodeScalars) == true)
    }
  }

  @Test func `JSON values hold numbers that fit`() {
    #expect(JSONValue(UInt8(200)).line == "200")
    #expect(JSONValue(UInt64.max).line == "\(Int64.max)")
  }
}
