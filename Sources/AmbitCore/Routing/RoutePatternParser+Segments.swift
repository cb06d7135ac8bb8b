extension RoutePatternParser {
  /// The parameter or rest that fills a range, which begins with a brace.
  mutating func parameter(_ range: Range<Int>) throws(RoutePatternError) -> RoutePattern.Segment {
    let inside = bytes[(range.lowerBound + 1)..<range.upperBound]
    guard let brace = inside.firstIndex(of: UInt8(ascii: "}")) else {
      throw fault(at: range.upperBound, expected: "\"}\" before the segment ends")
    }
    guard brace == range.upperBound - 1 else {
      throw fault(at: brace + 1, expected: "\"/\" or the end, since a parameter fills its segment")
    }
    let isRest = inside[..<brace].suffix(3).elementsEqual("...".utf8)
    let nameEnd = isRest ? brace - 3 : brace
    let name = try name((range.lowerBound + 1)..<nameEnd)
    guard isRest else { return .parameter(name) }
    guard range.upperBound == bytes.count else {
      throw fault(at: range.upperBound, expected: "the end after \"{\(name)...}\", which takes the rest of the path")
    }
    return .rest(name)
  }

  /// The name in a range, which no parameter before it has.
  private mutating func name(_ range: Range<Int>) throws(RoutePatternError) -> String {
    for index in range where !isNameByte(bytes[index], first: index == range.lowerBound) {
      throw fault(at: index, expected: "a name made of letters, digits and \"_\" that does not begin with a digit")
    }
    guard !range.isEmpty else { throw fault(at: range.lowerBound, expected: "a name inside the braces") }
    let name = String(decoding: bytes[range], as: UTF8.self)
    guard names.insert(name).inserted else {
      throw RoutePatternError(
        text: text, offset: range.lowerBound, expected: "names that differ", found: "\"\(name)\" a second time")
    }
    guard names.count <= RoutePattern.maximumParameters else {
      throw fault(at: range.lowerBound, expected: "at most \(RoutePattern.maximumParameters) parameters")
    }
    return name
  }

  /// The bytes of a literal, escapes decoded. What no normalised path can contain is refused: a route that never
  /// matches is a mistake.
  func literal(_ range: Range<Int>) throws(RoutePatternError) -> [UInt8] {
    var decoded: [UInt8] = []
    var index = range.lowerBound
    while index < range.upperBound {
      let byte = bytes[index]
      guard byte == UInt8(ascii: "%") else {
        guard isLiteralByte(byte) else {
          throw fault(at: index, expected: "a byte that a path may contain, others as %XX")
        }
        decoded.append(byte)
        index += 1
        continue
      }
      let value = bytes.withOctets { $0.escapedOctet(at: index, end: range.upperBound) }
      guard let value, value != 0 else {
        throw fault(at: index, expected: "an escape of two hexadecimal digits other than %00")
      }
      decoded.append(value)
      index += 3
    }
    guard !decoded.withOctets(containsDotComponent) else {
      throw fault(at: range.lowerBound, expected: "a segment other than \".\" and \"..\", which paths are rid of")
    }
    return decoded
  }
}

/// A letter or `_`, and behind the first place a digit.
private func isNameByte(_ byte: UInt8, first: Bool) -> Bool {
  switch Unicode.Scalar(byte) {
  case "A"..."Z", "a"..."z", "_": true
  case "0"..."9": !first
  default: false
  }
}

/// Visible ASCII without what delimits a path or a parameter, and any byte of a character beyond ASCII.
private func isLiteralByte(_ byte: UInt8) -> Bool {
  switch Unicode.Scalar(byte) {
  case "?", "#", "{", "}": false
  default: byte > 0x20 && byte != 0x7F
  }
}
