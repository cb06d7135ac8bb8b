/// A position in a JSON text that is parsed from left to right (RFC 8259). The caller passes the same bytes each time.
struct JSONCursor: Sendable {
  /// The greatest nesting depth of objects and arrays, including the outermost one.
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

  /// Consumes blanks, and the byte if it follows.
  mutating func take(_ byte: UInt8, _ bytes: RawSpan) -> Bool {
    skipBlanks(bytes)
    guard position < bytes.byteCount, bytes[octet: position] == byte else { return false }
    position += 1
    return true
  }

  /// An error at the next byte that is not a blank.
  mutating func unexpected(_ bytes: RawSpan, expected: String) -> JSONError {
    skipBlanks(bytes)
    return bytes.jsonError(at: position, expected: expected)
  }

  /// Consumes the name of a member and the colon after it.
  mutating func name(_ bytes: RawSpan) throws(JSONError) -> (inside: ByteRange, hasEscapes: Bool) {
    guard take(Ascii.quote, bytes) else { throw unexpected(bytes, expected: "a name in quotes") }
    let name = try restOfString(bytes)
    guard take(Ascii.colon, bytes) else { throw unexpected(bytes, expected: "`:` after the name") }
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

  /// Consumes a number: digits without a leading zero, an optional fraction, an optional exponent.
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

  /// The next byte; at the end 0, which no number contains.
  private func next(_ bytes: RawSpan) -> UInt8 {
    position < bytes.byteCount ? bytes[octet: position] : 0
  }
}

extension JSONCursor {
  /// Consumes a string after its first quote, checks it, and returns its inside. A checked string is well-formed UTF-8,
  /// has only known escapes, and has surrogates only in pairs.
  mutating func restOfString(_ bytes: RawSpan) throws(JSONError) -> (inside: ByteRange, hasEscapes: Bool) {
    let start = position
    var hasEscapes = false
    while position < bytes.byteCount {
      let byte = bytes[octet: position]
      if byte == Ascii.quote {
        position += 1
        return (ByteRange(from: start, to: position - 1), hasEscapes)
      }
      if byte == Ascii.backslash {
        hasEscapes = true
        try skipEscape(bytes)
      } else {
        try skipCharacter(byte, bytes)
      }
    }
    throw bytes.jsonError(at: position, expected: "`\"` at the end of the string")
  }

  private mutating func skipCharacter(_ byte: UInt8, _ bytes: RawSpan) throws(JSONError) {
    guard byte >= Ascii.space else {
      throw bytes.jsonError(at: position, expected: "an escape in place of a control character")
    }
    guard let length = bytes.characterLength(at: position, end: bytes.byteCount) else {
      throw bytes.jsonError(at: position, expected: "UTF-8")
    }
    position += length
  }

  private mutating func skipEscape(_ bytes: RawSpan) throws(JSONError) {
    let start = position
    position += 1
    guard position < bytes.byteCount else { throw bytes.jsonError(at: position, expected: "the rest of an escape") }
    let letter = bytes[octet: position]
    guard letter == UInt8(ascii: "u") else {
      guard jsonEscape(letter) != nil else { throw bytes.jsonError(at: position, expected: "the letter of an escape") }
      position += 1
      return
    }
    let unit = try codeUnit(bytes)
    guard unit & 0xF800 == 0xD800 else { return }
    // A surrogate must be a high one, and a low one must follow it at once.
    guard unit & 0xFC00 == 0xD800, position + 1 < bytes.byteCount, bytes[octet: position] == Ascii.backslash,
      bytes[octet: position + 1] == UInt8(ascii: "u")
    else { throw bytes.jsonError(at: start, expected: "surrogates in pairs") }
    position += 1
    guard try codeUnit(bytes) & 0xFC00 == 0xDC00 else {
      throw bytes.jsonError(at: start, expected: "surrogates in pairs")
    }
  }

  /// Consumes `u` and the four digits after it.
  private mutating func codeUnit(_ bytes: RawSpan) throws(JSONError) -> UInt16 {
    guard let unit = bytes.hexadecimalUnit(at: position + 1, end: bytes.byteCount) else {
      throw bytes.jsonError(at: position, expected: "`u` and four hexadecimal digits")
    }
    position += 5
    return unit
  }
}

extension JSONCursor {
  /// Consumes and checks an object or array that begins here. Does not call itself, so that the nesting in a request
  /// uses no stack.
  mutating func skipNested(_ bytes: RawSpan) throws(JSONError) {
    var open = OpenBrackets()
    repeat {
      let beganEmpty = try beginValue(bytes, &open)
      guard let beganEmpty else { continue }
      if !beganEmpty { _ = try scalar(bytes) }
      try endValues(bytes, &open)
    } while open.depth > 0
  }

  /// Begins a value. If it is an object or array that is not empty, opens it and goes to its first value.
  /// - Returns: nil if an object or array was opened; true if an empty one was consumed; false if the value is neither.
  private mutating func beginValue(_ bytes: RawSpan, _ open: inout OpenBrackets) throws(JSONError) -> Bool? {
    skipBlanks(bytes)
    let start = position
    let isObject = take(UInt8(ascii: "{"), bytes)
    guard isObject || take(Ascii.leftBracket, bytes) else { return false }
    // The outermost object is one level.
    guard open.depth < Self.maximumDepth - 1 else {
      throw bytes.jsonError(at: start, expected: "at most \(Self.maximumDepth) levels of nesting")
    }
    if take(isObject ? UInt8(ascii: "}") : Ascii.rightBracket, bytes) { return true }
    open.push(isObject: isObject)
    if isObject { _ = try name(bytes) }
    return nil
  }

  /// After a value: closes the objects and arrays that end here, or goes to the next value.
  private mutating func endValues(_ bytes: RawSpan, _ open: inout OpenBrackets) throws(JSONError) {
    while open.depth > 0 {
      if take(Ascii.comma, bytes) {
        if open.isInObject { _ = try name(bytes) }
        return
      }
      let bracket = open.isInObject ? UInt8(ascii: "}") : Ascii.rightBracket
      guard take(bracket, bytes) else {
        throw unexpected(bytes, expected: open.isInObject ? "`,` or `}`" : "`,` or `]`")
      }
      open.pop()
    }
  }
}

/// The open brackets, one bit for each: 1 for an object, 0 for an array. The innermost is the lowest bit.
private struct OpenBrackets {
  private(set) var depth = 0
  private var objects: UInt64 = 0

  var isInObject: Bool { objects & 1 == 1 }

  mutating func push(isObject: Bool) {
    objects = objects << 1 | (isObject ? 1 : 0)
    depth += 1
  }

  mutating func pop() {
    objects >>= 1
    depth -= 1
  }
}
