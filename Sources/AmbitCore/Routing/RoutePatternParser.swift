/// Reads the text of a pattern from left to right and stops at the first fault.
struct RoutePatternParser {
  let text: String
  let bytes: [UInt8]
  private var offset = 0
  /// The names of the parameters so far.
  var names: Set<String> = []

  init(_ text: String) {
    self.text = text
    bytes = Array(text.utf8)
  }

  /// The method and the one space after it.
  mutating func method() throws(RoutePatternError) -> String {
    let start = offset
    while offset < bytes.count, isMethodByte(bytes[offset]) { offset += 1 }
    guard offset > start else {
      throw fault(at: start, expected: "a method in upper case or \"*\"")
    }
    let method = String(decoding: bytes[start..<offset], as: UTF8.self)
    guard method == "*" || !method.utf8.contains(UInt8(ascii: "*")) else {
      throw RoutePatternError(
        text: text, offset: start, expected: "a method in upper case or \"*\"", found: "\"\(method)\"")
    }
    guard offset < bytes.count, bytes[offset] == UInt8(ascii: " ") else {
      throw fault(at: offset, expected: "one space after the method \"\(method)\", which has no lower-case letters")
    }
    offset += 1
    return method
  }

  /// Everything from here to the end of the text, as a path.
  mutating func path() throws(RoutePatternError) -> [RoutePattern.Segment] {
    var segments: [RoutePattern.Segment] = []
    guard offset < bytes.count, bytes[offset] == UInt8(ascii: "/") else {
      throw fault(at: offset, expected: "a path that begins with \"/\"")
    }
    while offset < bytes.count {
      offset += 1
      guard segments.count < RoutePattern.maximumSegments else {
        throw fault(at: offset, expected: "at most \(RoutePattern.maximumSegments) segments")
      }
      segments.append(try segment())
    }
    return segments
  }

  /// Parses the whole text as a path of literals without a slash at its end. `/` gives no segments.
  mutating func prefix() throws(RoutePatternError) -> [RoutePattern.Segment] {
    if text == "/" { return [] }
    let segments = try path()
    if segments.last == .literal([]) {
      throw RoutePatternError(
        text: text, offset: bytes.count - 1, expected: "a prefix that does not end in a slash", found: "\"/\"")
    }
    if let brace = bytes.firstIndex(of: UInt8(ascii: "{")) {
      throw fault(at: brace, expected: "a prefix without parameters")
    }
    return segments
  }

  /// Parses the segment that begins here, up to the slash after it or the end.
  private mutating func segment() throws(RoutePatternError) -> RoutePattern.Segment {
    let start = offset
    let end = bytes[start...].firstIndex(of: UInt8(ascii: "/")) ?? bytes.count
    if start == end, end < bytes.count {
      throw fault(at: start, expected: "a segment between two slashes")
    }
    offset = end
    if start < end, bytes[start] == UInt8(ascii: "{") {
      return try parameter(start..<end)
    }
    return .literal(try literal(start..<end))
  }

  /// An error at a position. The found text goes up to the next slash or space.
  func fault(at offset: Int, expected: String) -> RoutePatternError {
    let rest = bytes[offset...]
    let stop = rest.dropFirst().firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: " ") } ?? bytes.count
    let found = rest.isEmpty ? "the end" : "\"\(String(decoding: bytes[offset..<stop], as: UTF8.self))\""
    return RoutePatternError(text: text, offset: offset, expected: expected, found: found)
  }
}

/// Whether a token may contain the byte (RFC 9110, section 5.6.2) and it is not a lower-case letter.
private func isMethodByte(_ byte: UInt8) -> Bool {
  switch Unicode.Scalar(byte) {
  case "A"..."Z", "0"..."9", "!", "#", "$", "%", "&", "'", "*", "+", "-", ".", "^", "_", "`", "|", "~": true
  default: false
  }
}

extension RoutePatternParser {
  /// The parameter or rest in a range that begins with a brace.
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

  /// The name in a range, which must differ from the names of earlier parameters.
  private mutating func name(_ range: Range<Int>) throws(RoutePatternError) -> String {
    for index in range where !isNameByte(bytes[index], first: index == range.lowerBound) {
      throw fault(at: index, expected: "a name made of letters, digits and \"_\" that does not begin with a digit")
    }
    guard !range.isEmpty else { throw fault(at: range.lowerBound, expected: "a name inside the braces") }
    let name = String(decoding: bytes[range], as: UTF8.self)
    guard names.insert(name).inserted else {
      throw RoutePatternError(
        text: text, offset: range.lowerBound, expected: "each name once", found: "\"\(name)\" a second time")
    }
    guard names.count <= RoutePattern.maximumParameters else {
      throw fault(at: range.lowerBound, expected: "at most \(RoutePattern.maximumParameters) parameters")
    }
    return name
  }

  /// The bytes of a literal with its escapes decoded. A literal that no normalised path can contain is refused, because
  /// its route would never match.
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
      throw fault(at: range.lowerBound, expected: "a segment other than \".\" and \"..\"")
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

/// Whether a literal may contain the byte: visible ASCII except the delimiters of paths and parameters, or a byte of a
/// character outside ASCII.
private func isLiteralByte(_ byte: UInt8) -> Bool {
  switch Unicode.Scalar(byte) {
  case "?", "#", "{", "}": false
  default: byte > 0x20 && byte != 0x7F
  }
}
