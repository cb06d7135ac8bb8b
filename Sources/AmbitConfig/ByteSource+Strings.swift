extension ByteSource {
  /// Consumes a string of any of TOML's four kinds, from its first quote to its last, and returns its text.
  ///
  /// The text is exact for strings of one line, which is what keys are; in others the line ends that TOML drops stay in.
  mutating func takeString() -> String {
    guard let quote = peek else { return "" }
    let multiline = run(of: quote) >= 3
    if run(of: quote) == 2 {
      advance(by: 2)
      return ""
    }
    advance(by: multiline ? 3 : 1)
    return takeContent(endingWith: quote, multiline: multiline)
  }

  private mutating func takeContent(endingWith quote: UInt8, multiline: Bool) -> String {
    var content: [UInt8] = []
    while let byte = peek, multiline || byte != UInt8(ascii: "\n") {
      if byte == quote, let quotes = closing(quote, multiline: multiline) {
        advance(by: quotes)
        break
      }
      advance()
      if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
        content += takeEscape()
      } else {
        content.append(byte)
      }
    }
    return String(decoding: content, as: UTF8.self)
  }

  /// The number of quotes that end the string here; nil if they belong to its text. A string of several lines may have
  /// up to two quotes right before the three that end it.
  private func closing(_ quote: UInt8, multiline: Bool) -> Int? {
    guard multiline else { return 1 }
    let quotes = run(of: quote)
    return quotes >= 3 ? min(quotes, 5) : nil
  }

  /// Consumes what follows a backslash.
  private mutating func takeEscape() -> [UInt8] {
    guard let byte = peek else { return [] }
    advance()
    switch byte {
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "n"): return [0x0A]
    case UInt8(ascii: "f"): return [0x0C]
    case UInt8(ascii: "r"): return [0x0D]
    case UInt8(ascii: "u"): return takeScalar(digits: 4)
    case UInt8(ascii: "U"): return takeScalar(digits: 8)
    default: return [byte]
    }
  }

  private mutating func takeScalar(digits: Int) -> [UInt8] {
    var left = digits
    let text = take { byte in
      left -= 1
      return left >= 0 && (UInt8(ascii: "0")...UInt8(ascii: "f")).contains(byte)
    }
    guard let code = UInt32(text, radix: 16), let scalar = Unicode.Scalar(code) else { return [] }
    return Array(String(scalar).utf8)
  }
}
