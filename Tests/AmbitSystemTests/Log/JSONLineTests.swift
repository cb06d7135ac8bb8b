import Foundation
import Logging
import TestSupport
import Testing

@testable import AmbitSystem

@Suite struct JSONLines {
  private func parse(_ line: String) throws -> [String: String] {
    let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
    return try #require(object as? [String: String], "\(line)")
  }

  @Test func `A JSON line holds time, level, message and fields, in this order`() throws {
    let line = JSONLine.make(level: .warning, message: "slow", fields: [("plugin", "hello/1"), ("scope", "7")])
    #expect(
      line.contains(
        /^\{"time":"[^"]+","level":"warning","message":"slow","plugin":"hello\/1","scope":"7"\}$/))
  }

  @Test func `A JSON line gives back any text as it was, on one line`() throws {
    for scalar in (0...0x2030).compactMap(Unicode.Scalar.init) + ["\u{FFFD}", "\u{FFFF}", "\u{1F600}", "\u{10FF7F}"] {
      let text = "before\(scalar)\"after\\"
      let line = JSONLine.make(level: .info, message: text, fields: [(key: text, value: text)])
      let isOneLine = !line.contains(where: \.isNewline)
      #expect(isOneLine, "U+\(String(scalar.value, radix: 16))")
      let object = try parse(line)
      #expect(object["message"]?.unicodeScalars.elementsEqual(text.unicodeScalars) == true)
      #expect(object[text]?.unicodeScalars.elementsEqual(text.unicodeScalars) == true)
    }
  }

  @Test func `A JSON line gives back random text as it was`() throws {
    var random = SeededGenerator(seed: 11)
    for _ in 0..<2_000 {
      var text = String.UnicodeScalarView()
      for _ in 0..<random.number(0...20) {
        text.append(Unicode.Scalar(UInt32(random.number(0...0x10FF7F))) ?? "\\")
      }
      let line = JSONLine.make(level: .error, message: String(text), fields: [])
      #expect(try parse(line)["message"]?.unicodeScalars.elementsEqual(text) == true)
    }
  }
}
