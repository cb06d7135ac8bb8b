/// Content negotiation: whether a client prefers JSON to plain text, by its `Accept` fields (RFC 9110, section 12.5.1).
///
/// For each of the two types the most specific media range that matches it decides, and the first one of several.
/// Parameters other than `q` are ignored. A client that accepts neither gets text: the RFC allows a server to disregard
/// the field.
public struct Accept: Sendable, Equatable {
  /// A weight in thousandths, and how specific its media range is: from 1 for `*/*` to 3 for a complete media type.
  private struct Weight: Equatable {
    var thousandths = 0
    var specificity = 0

    mutating func take(_ thousandths: Int, specificity: Int) {
      if specificity > self.specificity { (self.thousandths, self.specificity) = (thousandths, specificity) }
    }
  }

  private var json = Weight()
  private var text = Weight()

  /// A client without `Accept` fields.
  public init() {}

  /// Whether JSON has the greater weight.
  public var prefersJSON: Bool { json.thousandths > text.thousandths }

  /// Adds the value of one `Accept` field. Malformed elements are ignored.
  public mutating func add(_ value: RawSpan) {
    var elements = ListElements(of: ByteRange(from: 0, to: value.byteCount))
    while let element = elements.next(in: value) {
      let range = MediaRange(element, of: value)
      guard let weight = range.weight(in: value) else { continue }
      switch range.name.specificity(in: value, as: "application/json", below: "application/*") {
      case 0: break
      case let specificity: json.take(weight, specificity: specificity)
      }
      switch range.name.specificity(in: value, as: "text/plain", below: "text/*") {
      case 0: break
      case let specificity: text.take(weight, specificity: specificity)
      }
    }
  }
}

extension ByteRange {
  /// How specific this media range is for a media type: 3 if it is the type, 2 for its group, 1 for `*/*`, 0 if it does
  /// not match.
  fileprivate func specificity(in bytes: RawSpan, as type: StaticString, below group: StaticString) -> Int {
    if bytes.equals(self, ignoringCaseOf: type) { return 3 }
    if bytes.equals(self, ignoringCaseOf: group) { return 2 }
    return bytes.equals(self, "*/*") ? 1 : 0
  }
}

/// A media type or range with its parameters: `application/json; q=0.5` (RFC 9110, sections 8.3.1 and 12.5.1).
struct MediaRange {
  /// The part before the parameters.
  let name: ByteRange
  private let parameters: ByteRange

  init(_ element: ByteRange, of bytes: RawSpan) {
    var end = element.start
    while end < element.end, bytes[octet: end] != Ascii.semicolon { end += 1 }
    parameters = ByteRange(from: end, to: element.end)
    while end > element.start, Ascii.isWhitespace(bytes[octet: end - 1]) { end -= 1 }
    name = ByteRange(from: element.start, to: end)
  }

  /// The value of the parameter `q` in thousandths, 1000 without the parameter; nil if it is malformed (RFC 9110,
  /// section 12.4.2).
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

  /// Parses `0` or `1`, then optionally a point and at most three digits. The value is at most 1.
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
  /// Whether the bytes of `range` are `text` in any case. `text` has no upper-case letters.
  func equals(_ range: ByteRange, ignoringCaseOf text: StaticString) -> Bool {
    guard Int(range.length) == text.utf8CodeUnitCount else { return false }
    for index in 0..<text.utf8CodeUnitCount
    where FieldSyntax.lowercased(self[octet: range.start + index]) != text[octet: index] { return false }
    return true
  }
}
