/// Reads the words of a signature from left to right.
struct SignatureScanner {
  let bytes: [UInt8]
  private(set) var offset = 0

  /// A word of letters, digits and `_`, and its offset.
  struct Word {
    let text: String
    let start: Int
  }

  init(_ text: String) {
    bytes = Array(text.utf8)
  }

  /// The next byte; nil at the end.
  var peek: UInt8? { offset < bytes.count ? bytes[offset] : nil }

  /// Consumes blanks, tabs and line ends.
  mutating func skipBlanks() {
    while let byte = peek, " \t\r\n".utf8.contains(byte) { offset += 1 }
  }

  /// Consumes blanks, and the byte if it follows.
  mutating func take(_ byte: Unicode.Scalar) -> Bool {
    skipBlanks()
    guard peek == UInt8(ascii: byte) else { return false }
    offset += 1
    return true
  }

  /// Consumes blanks and the next word; nil if no word follows.
  mutating func word() -> Word? {
    skipBlanks()
    let start = offset
    guard let first = peek, isWordByte(first), !isDigit(first) else { return nil }
    while let byte = peek, isWordByte(byte) { offset += 1 }
    return Word(text: text(from: start), start: start)
  }

  /// Whether the next byte is a digit or a minus sign.
  var isAtNumber: Bool { peek.map { isDigit($0) || $0 == UInt8(ascii: "-") } ?? false }

  /// Consumes all bytes that could be part of a number, well-formed or not.
  mutating func number() -> Word {
    let start = offset
    while let byte = peek, isWordByte(byte) || ".+-".utf8.contains(byte) { offset += 1 }
    return Word(text: text(from: start), start: start)
  }

  /// Consumes one byte. The caller has checked that there is one.
  mutating func advance() { offset += 1 }

  /// Moves to an offset.
  mutating func move(to place: Int) { offset = place }

  /// The text from an offset up to the next byte.
  func text(from start: Int) -> String { String(decoding: bytes[start..<offset], as: UTF8.self) }

  /// An error at an offset, by default at the next byte.
  func fault(_ message: String, at place: Int? = nil) -> SignatureError {
    SignatureError(message, at: place ?? offset, of: bytes)
  }

  /// An error at the next byte that is not a blank.
  mutating func unexpected(expected: String) -> SignatureError {
    skipBlanks()
    return fault("expected \(expected), found \(found)")
  }

  /// The text at the next byte for a message: a whole word or one character.
  private var found: String {
    guard let first = peek else { return "the end" }
    let word = bytes[offset...].prefix(while: isWordByte)
    guard word.isEmpty else { return shown(String(decoding: word, as: UTF8.self)) }
    let character = String(decoding: bytes[offset...].prefix(4), as: UTF8.self).unicodeScalars.first
    return shown(character.map(String.init) ?? String(Unicode.Scalar(first)))
  }
}

/// A part of a signature for a message, truncated and in backquotes.
func shown(_ text: String) -> String { "`\(truncated(text))`" }

private func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

/// An ASCII letter, a digit or `_`.
private func isWordByte(_ byte: UInt8) -> Bool {
  isDigit(byte) || (byte | 0x20) &- UInt8(ascii: "a") < 26 || byte == UInt8(ascii: "_")
}
