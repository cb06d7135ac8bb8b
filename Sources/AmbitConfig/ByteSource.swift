/// A text read byte by byte, with the line and column of the next one.
struct ByteSource {
  private let bytes: [UInt8]
  private var offset = 0
  private var line = 1
  private var lineStart = 0

  /// Begins behind the byte order mark if there is one.
  init(_ text: String) {
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    let bytes = Array(text.utf8)
    self.bytes = bytes.starts(with: mark) ? Array(bytes.dropFirst(mark.count)) : bytes
  }

  /// The next byte; nil at the end.
  var peek: UInt8? { offset < bytes.count ? bytes[offset] : nil }

  /// The next bytes, so many at most.
  func rest(_ count: Int) -> ArraySlice<UInt8> { bytes[offset...].prefix(count) }

  /// Where the next byte stands.
  var position: SourcePosition {
    let continuation: UInt8 = 0b1000_0000
    let scalars = bytes[lineStart..<offset].count { $0 & 0b1100_0000 != continuation }
    return SourcePosition(line: line, column: scalars + 1)
  }

  /// Consumes the next byte, if there is one.
  mutating func advance() {
    guard let byte = peek else { return }
    offset += 1
    guard byte == UInt8(ascii: "\n") else { return }
    line += 1
    lineStart = offset
  }

  mutating func advance(by count: Int) {
    for _ in 0..<count { advance() }
  }

  mutating func skip(while matches: (UInt8) -> Bool) {
    while let byte = peek, matches(byte) { advance() }
  }

  mutating func take(while matches: (UInt8) -> Bool) -> String {
    let start = offset
    skip(while: matches)
    return String(decoding: bytes[start..<offset], as: UTF8.self)
  }

  /// The number of times the byte follows without a break.
  func run(of byte: UInt8) -> Int {
    bytes[offset...].prefix { $0 == byte }.count
  }
}

extension ByteSource {
  mutating func skipBlanks() {
    skip { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
  }

  /// Consumes the rest of the line and its end.
  mutating func skipLine() {
    skip { $0 != UInt8(ascii: "\n") }
    advance()
  }

  /// Consumes blanks, line ends and comments.
  mutating func skipTrivia() {
    while let byte = peek {
      switch byte {
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n"): advance()
      case UInt8(ascii: "#"): skipLine()
      default: return
      }
    }
  }

  var isAtQuote: Bool { peek == UInt8(ascii: "\"") || peek == UInt8(ascii: "'") }

  /// What comes next, as the "found" of a message.
  var next: String {
    guard let byte = peek else { return "the end of the file" }
    guard byte != UInt8(ascii: "\n"), byte != UInt8(ascii: "\r") else { return "the end of the line" }
    return quoted(String(String(decoding: rest(4), as: UTF8.self).unicodeScalars.prefix(1)))
  }

  /// Whether the byte can be part of a key without quotes.
  static func isBareKey(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"): true
    default: false
    }
  }

  /// Whether the byte ends a number, a boolean or a date, which unlike the others may have a blank inside.
  static func endsScalar(_ byte: UInt8) -> Bool {
    "\r\n#,]}".utf8.contains(byte)
  }
}
