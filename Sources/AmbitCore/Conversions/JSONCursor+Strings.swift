extension JSONCursor {
  /// Consumes a string behind its first quote, checks it, and returns what is inside. A checked string has well-formed
  /// UTF-8 and known escapes only, and its surrogates come in pairs.
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
    // Half a character: the first half, with the second one right behind it.
    guard unit & 0xFC00 == 0xD800, position + 1 < bytes.byteCount, bytes[octet: position] == Ascii.backslash,
      bytes[octet: position + 1] == UInt8(ascii: "u")
    else { throw bytes.jsonError(at: start, expected: "surrogates in pairs") }
    position += 1
    guard try codeUnit(bytes) & 0xFC00 == 0xDC00 else {
      throw bytes.jsonError(at: start, expected: "surrogates in pairs")
    }
  }

  /// Consumes `u` and the four digits behind it.
  private mutating func codeUnit(_ bytes: RawSpan) throws(JSONError) -> UInt16 {
    guard let unit = bytes.hexadecimalUnit(at: position + 1, end: bytes.byteCount) else {
      throw bytes.jsonError(at: position, expected: "`u` and four hexadecimal digits")
    }
    position += 5
    return unit
  }
}
