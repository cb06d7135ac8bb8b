internal import AmbitCore

extension HostConfiguration {
  /// Parses and checks the bytes of a configuration file, which must be UTF-8. A byte order mark is skipped.
  ///
  /// - Parameter file: The name of the file for the messages.
  /// - Throws: The place where the bytes are not UTF-8; else as `parse(text:file:)`.
  package static func parse(bytes: [UInt8], file: String) throws(ConfigurationErrors) -> HostConfiguration {
    if let encoding = WideEncoding(of: bytes) {
      throw ConfigurationErrors(
        file: file, at: SourcePosition(line: 1, column: 1),
        found: "\(encoding) (its first bytes are \(hex(bytes.prefix(4))))")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      let (position, byte) = firstInvalidByte(of: bytes)
      throw ConfigurationErrors(file: file, at: position, found: "the byte \(hex([byte]))\(latin1(byte))")
    }
    return try parse(text: text, file: file)
  }

  /// The first byte that is not part of valid UTF-8, and its position.
  private static func firstInvalidByte(of bytes: [UInt8]) -> (SourcePosition, UInt8) {
    var parser = Unicode.UTF8.ForwardParser()
    var rest = bytes.makeIterator()
    var position = SourcePosition(line: 1, column: 1)
    var offset = 0
    while case .valid(let encoded) = parser.parseScalar(from: &rest) {
      let scalar = Unicode.UTF8.decode(encoded)
      if scalar == "\n" {
        position = SourcePosition(line: position.line + 1, column: 1)
      } else if offset > 0 || scalar != "\u{FEFF}" {
        position.column += 1
      }
      offset += encoded.count
    }
    return (position, bytes[offset])
  }

  /// What a program that writes Latin-1 means by the byte, in parentheses; empty if that is no letter.
  private static func latin1(_ byte: UInt8) -> String {
    byte >= 0xA0 ? " (\"\(Unicode.Scalar(byte))\" in Latin-1)" : ""
  }

  private static func hex(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { "0x" + ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }.joined(separator: " ")
  }
}

/// An encoding of two or four bytes for each character, which editors write on request, or by default on Windows.
private enum WideEncoding: String, CustomStringConvertible {
  case utf16 = "UTF-16"
  case utf32 = "UTF-32"

  /// Tells by the byte order mark, or by the zero bytes beside the first character, which no text in UTF-8 has.
  init?(of bytes: [UInt8]) {
    let first = bytes.prefix(4)
    let pattern = first.map { $0 == 0 ? "0" : "x" }.joined()
    if first.elementsEqual([0xFF, 0xFE, 0, 0]) || ["x000", "000x", "00xx"].contains(pattern) {
      self = .utf32
    } else if [[0xFF, 0xFE], [0xFE, 0xFF]].contains(Array(first.prefix(2)))
      || ["x0", "0x"].contains(pattern.prefix(2))
    {
      self = .utf16
    } else {
      return nil
    }
  }

  var description: String { rawValue }
}

extension ConfigurationErrors {
  fileprivate init(file: String, at position: SourcePosition, found: String) {
    let message = "expected UTF-8, found \(found); save the file as UTF-8"
    errors = [ConfigurationError(file: file, position: position, message: message)]
  }
}
