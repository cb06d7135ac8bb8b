import AmbitCore
import Testing

@Suite("Query string") struct QueryStringTests {
  /// All pairs, raw, with what needs decoding written in brackets.
  private func pairs(_ query: String) -> [String] {
    let bytes = Array(query.utf8)
    func text(_ range: ByteRange, _ needsDecoding: Bool) -> String {
      let raw = String(decoding: bytes[range.start..<range.end], as: UTF8.self)
      return needsDecoding ? "[\(raw)]" : raw
    }
    var cursor = QueryCursor()
    var found: [String] = []
    while let pair = cursor.next(in: bytes.span.bytes) {
      found.append("\(text(pair.name, pair.nameNeedsDecoding)): \(text(pair.value, pair.valueNeedsDecoding))")
    }
    return found
  }

  private func decoded(_ text: String) -> String {
    let bytes = Array(text.utf8)
    var buffer = [UInt8](repeating: 0, count: bytes.count)
    var octets = buffer.mutableSpan
    var target = octets.mutableBytes
    let range = ByteRange(offset: 0, length: UInt32(bytes.count))
    let count = decodeFormText(range, of: bytes.span.bytes, into: &target)
    return String(decoding: buffer.prefix(count), as: UTF8.self)
  }

  private func value(of name: String, in query: String) -> String? {
    let bytes = Array(query.utf8)
    guard let pair = firstQueryPair(named: Array(name.utf8).span.bytes, in: bytes.span.bytes) else { return nil }
    return String(decoding: bytes[pair.value.start..<pair.value.end], as: UTF8.self)
  }

  @Test(arguments: [
    ("", []), ("&", []), ("a", ["a: "]), ("a=", ["a: "]), ("a=1", ["a: 1"]), ("=1", [": 1"]), ("=", [": "]),
    ("a=1&b=2", ["a: 1", "b: 2"]), ("&&a=1&&b&", ["a: 1", "b: "]), ("a=b=c", ["a: b=c"]), ("a;b=1", ["a;b: 1"]),
    ("a+b=c%20d&e=f+", ["[a+b]: [c%20d]", "e: [f+]"]), ("a?=/", ["a?: /"]), ("%=x", ["[%]: x"]),
  ])
  func `A query string is walked over pair by pair`(query: String, expected: [String]) {
    #expect(pairs(query) == expected)
  }

  @Test(arguments: [
    ("", ""), ("abc", "abc"), ("a+b", "a b"), ("a%20b%2Bc", "a b+c"), ("%41%7a", "Az"), ("%2541", "%41"), ("%", "%"),
    ("%4", "%4"), ("%zz%4g", "%zz%4g"), ("100%", "100%"), ("%%41", "%A"), ("%C3%A9", "é"), ("%26%3D", "&="),
  ])
  func `A query string is decoded once, and malformed escapes stand for themselves`(text: String, expected: String) {
    #expect(decoded(text) == expected)
  }

  @Test(arguments: [
    ("name", "name=x", "x"), ("name", "a=1&name=x&name=y", "x"), ("name", "n%61me=x", "x"), ("a b", "a+b=1", "1"),
    ("a b", "a%20b=1", "1"), ("name", "name", ""), ("%", "%=1", "1"), ("a", "ab=1", nil), ("ab", "a=1", nil),
    ("a", "b=a&c", nil), ("", "=1", "1"), ("", "", nil), ("name", "NAME=1", nil), ("a&b", "a%26b=1", "1"),
  ])
  func `A query string gives a value by its decoded name`(name: String, query: String, expected: String?) {
    #expect(value(of: name, in: query) == expected)
  }

  @Test func `A range in the middle of a query string is decoded without a look behind its end`() {
    let bytes = Array("a=x%4&1=y".utf8)
    let pair = firstQueryPair(named: Array("a".utf8).span.bytes, in: bytes.span.bytes)!
    var buffer = [UInt8](repeating: 0, count: 8)
    var octets = buffer.mutableSpan
    var target = octets.mutableBytes
    let count = decodeFormText(pair.value, of: bytes.span.bytes, into: &target)
    #expect(Array(buffer.prefix(count)) == Array("x%4".utf8))
  }
}
