/// A place in a JSON text that is read from left to right (RFC 8259). Always to be used with the same bytes.
struct JSONCursor: Sendable {
  /// The deepest that objects and arrays may lie in each other, the outermost one counted.
  static let maximumDepth = 64

  var position = 0

  /// Consumes blanks and line ends.
  mutating func skipBlanks(_ bytes: RawSpan) {
    while position < bytes.byteCount {
      switch bytes[octet: position] {
      case Ascii.space, Ascii.tab, Ascii.lineFeed, Ascii.carriageReturn: position += 1
      default: return
      }
    }
  }

  /// Consumes blanks, and the byte if it is the next then.
  mutating func take(_ byte: UInt8, _ bytes: RawSpan) -> Bool {
    skipBlanks(bytes)
    guard position < bytes.byteCount, bytes[octet: position] == byte else { return false }
    position += 1
    return true
  }

  /// A fault at the next byte that is no blank.
  mutating func unexpected(_ bytes: RawSpan, expected: String) -> JSONError {
    skipBlanks(bytes)
    return bytes.jsonError(at: position, expected: expected)
  }

  /// Consumes a member's name and the colon behind it.
  mutating func name(_ bytes: RawSpan) throws(JSONError) -> (inside: ByteRange, hasEscapes: Bool) {
    guard take(Ascii.quote, bytes) else { throw unexpected(bytes, expected: "a name in quotes") }
    let name = try restOfString(bytes)
    guard take(Ascii.colon, bytes) else { throw unexpected(bytes, expected: "`:` behind the name") }
    return name
  }

  /// Consumes a value of any kind.
  mutating func value(_ bytes: RawSpan) throws(JSONError) -> FieldValue {
    skipBlanks(bytes)
    let start = position
    switch position < bytes.byteCount ? bytes[octet: position] : 0 {
    case UInt8(ascii: "{"):
      try skipNested(bytes)
      return FieldValue(ByteRange(from: start, to: position), form: .jsonObject, origin: .body)
    case Ascii.leftBracket:
      try skipNested(bytes)
      return FieldValue(ByteRange(from: start, to: position), form: .jsonArray, origin: .body)
    default: return try scalar(bytes)
    }
  }
}

extension JSONCursor {
  /// Consumes a string, number, boolean or null.
  mutating func scalar(_ bytes: RawSpan) throws(JSONError) -> FieldValue {
    let start = position
    let form: FieldValue.Form
    switch position < bytes.byteCount ? bytes[octet: position] : 0 {
    case Ascii.quote:
      position += 1
      let (inside, hasEscapes) = try restOfString(bytes)
      return FieldValue(inside, form: hasEscapes ? .jsonEscapedText : .jsonText, origin: .body)
    case UInt8(ascii: "t"): form = try literal("true", bytes, form: .jsonScalar)
    case UInt8(ascii: "f"): form = try literal("false", bytes, form: .jsonScalar)
    case UInt8(ascii: "n"): form = try literal("null", bytes, form: .jsonNull)
    default: form = try number(bytes)
    }
    return FieldValue(ByteRange(from: start, to: position), form: form, origin: .body)
  }

  private mutating func literal(
    _ text: StaticString, _ bytes: RawSpan, form: FieldValue.Form
  ) throws(JSONError) -> FieldValue.Form {
    let end = position + text.utf8CodeUnitCount
    guard end <= bytes.byteCount, bytes.equals(ByteRange(from: position, to: end), text) else {
      throw bytes.jsonError(at: position, expected: "a value")
    }
    position = end
    return form
  }

  /// Consumes a number: digits without a leading zero, a fraction or none, an exponent or none.
  private mutating func number(_ bytes: RawSpan) throws(JSONError) -> FieldValue.Form {
    let start = position
    if next(bytes) == UInt8(ascii: "-") { position += 1 }
    let beginsWithZero = next(bytes) == Ascii.zero
    let whole = skipDigits(bytes)
    guard whole > 0 else {
      let expected = position == start ? "a value" : "a digit"
      throw bytes.jsonError(at: position, expected: expected)
    }
    guard whole == 1 || !beginsWithZero else {
      throw bytes.jsonError(at: position - whole, expected: "a number without a leading zero")
    }
    if next(bytes) == Ascii.dot {
      position += 1
      guard skipDigits(bytes) > 0 else { throw bytes.jsonError(at: position, expected: "a digit") }
    }
    if next(bytes) | 0x20 == UInt8(ascii: "e") {
      position += 1
      if next(bytes) == UInt8(ascii: "+") || next(bytes) == UInt8(ascii: "-") { position += 1 }
      guard skipDigits(bytes) > 0 else { throw bytes.jsonError(at: position, expected: "a digit") }
    }
    return .jsonScalar
  }

  private mutating func skipDigits(_ bytes: RawSpan) -> Int {
    let start = position
    while next(bytes) &- Ascii.zero < 10 { position += 1 }
    return position - start
  }

  /// The next byte; 0 at the end, which no number contains.
  private func next(_ bytes: RawSpan) -> UInt8 {
    position < bytes.byteCount ? bytes[octet: position] : 0
  }
}
