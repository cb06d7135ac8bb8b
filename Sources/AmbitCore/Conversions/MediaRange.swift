/// A media type or range with its parameters: `application/json; q=0.5` (RFC 9110, sections 8.3.1 and 12.5.1).
struct MediaRange {
  /// What stands before the parameters.
  let name: ByteRange
  private let parameters: ByteRange

  init(_ element: ByteRange, of bytes: RawSpan) {
    var end = element.start
    while end < element.end, bytes[octet: end] != Ascii.semicolon { end += 1 }
    parameters = ByteRange(from: end, to: element.end)
    while end > element.start, Ascii.isWhitespace(bytes[octet: end - 1]) { end -= 1 }
    name = ByteRange(from: element.start, to: end)
  }

  /// The value of the parameter `q` in thousandths, 1000 without one; nil if it is none (RFC 9110, section 12.4.2).
  func weight(in bytes: RawSpan) -> Int? {
    var position = parameters.start
    while position < parameters.end {
      position += 1  // The semicolon.
      while position < parameters.end, Ascii.isWhitespace(bytes[octet: position]) { position += 1 }
      var end = position
      while end < parameters.end, bytes[octet: end] != Ascii.semicolon { end += 1 }
      if end - position >= 2, bytes[octet: position] | 0x20 == UInt8(ascii: "q"),
        bytes[octet: position + 1] == Ascii.equals
      {
        return Self.thousandths(from: position + 2, to: end, of: bytes)
      }
      position = end
    }
    return 1000
  }

  /// `0` or `1`, behind it a point and at most three digits or nothing; never more than 1.
  private static func thousandths(from start: Int, to limit: Int, of bytes: RawSpan) -> Int? {
    var end = limit
    while end > start, Ascii.isWhitespace(bytes[octet: end - 1]) { end -= 1 }
    guard end > start, end - start <= 5, bytes[octet: start] &- Ascii.zero <= 1 else { return nil }
    var thousandths = Int(bytes[octet: start] - Ascii.zero) * 1000
    if end == start + 1 { return thousandths }
    guard bytes[octet: start + 1] == Ascii.dot else { return nil }
    var unit = 100
    for position in start + 2..<end {
      let digit = bytes[octet: position] &- Ascii.zero
      guard digit < 10 else { return nil }
      thousandths += Int(digit) * unit
      unit /= 10
    }
    return thousandths <= 1000 ? thousandths : nil
  }
}

extension RawSpan {
  /// Whether the bytes of `range` are `text`, letters in any case. `text` has no upper-case letters.
  func equals(_ range: ByteRange, ignoringCaseOf text: StaticString) -> Bool {
    guard Int(range.length) == text.utf8CodeUnitCount else { return false }
    for index in 0..<text.utf8CodeUnitCount
    where FieldSyntax.lowercased(self[octet: range.start + index]) != text[octet: index] { return false }
    return true
  }
}
