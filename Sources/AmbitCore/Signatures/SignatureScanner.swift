/// The text of a signature, read from left to right.
struct SignatureScanner {
  let bytes: [UInt8]
  private(set) var offset = 0

  /// One word of letters, digits and `_`, and where it begins.
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

  /// Consumes blanks, and the byte if it is the next then.
  mutating func take(_ byte: Unicode.Scalar) -> Bool {
    skipBlanks()
    guard peek == UInt8(ascii: byte) else { return false }
    offset += 1
    return true
  }

  /// Consumes blanks, and the word that follows; nil if none does.
  mutating func word() -> Word? {
    skipBlanks()
    let start = offset
    guard let first = peek, isWordByte(first), !isDigit(first) else { return nil }
    while let byte = peek, isWordByte(byte) { offset += 1 }
    return Word(text: text(from: start), start: start)
  }

  /// Whether a digit or a minus sign is next.
  var isAtNumber: Bool { peek.map { isDigit($0) || $0 == UInt8(ascii: "-") } ?? false }

  /// Consumes everything that could belong to a number, right or wrong.
  mutating func number() -> Word {
    let start = offset
    while let byte = peek, isWordByte(byte) || ".+-".utf8.contains(byte) { offset += 1 }
    return Word(text: text(from: start), start: start)
  }

  /// Consumes one byte, which is there.
  mutating func advance() { offset += 1 }

  /// Goes back or forth to a place.
  mutating func move(to place: Int) { offset = place }

  /// The text from a place up to the next byte.
  func text(from start: Int) -> String { String(decoding: bytes[start..<offset], as: UTF8.self) }

  /// A fault at a place; without one, at the next byte.
  func fault(_ message: String, at place: Int? = nil) -> SignatureError {
    SignatureError(message, at: place ?? offset, of: bytes)
  }

  /// A fault at the next byte that is no blank, which is not what was expected.
  mutating func unexpected(expected: String) -> SignatureError {
    skipBlanks()
    return fault("expected \(expected), found \(found)")
  }

  /// What stands at the next byte, for a message: a word whole, anything else as one character.
  private var found: String {
    guard let first = peek else { return "the end" }
    let word = bytes[offset...].prefix(while: isWordByte)
    guard word.isEmpty else { return shown(String(decoding: word, as: UTF8.self)) }
    let character = String(decoding: bytes[offset...].prefix(4), as: UTF8.self).unicodeScalars.first
    return shown(character.map(String.init) ?? String(Unicode.Scalar(first)))
  }
}

/// The beginning of a piece of a signature, for a message.
func shown(_ text: String) -> String { "`\(truncated(text))`" }

private func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

/// A letter of ASCII, a digit or `_`.
private func isWordByte(_ byte: UInt8) -> Bool {
  isDigit(byte) || (byte | 0x20) &- UInt8(ascii: "a") < 26 || byte == UInt8(ascii: "_")
}
