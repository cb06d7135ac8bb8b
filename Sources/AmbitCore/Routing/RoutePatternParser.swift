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

  /// The whole text as a path of literals without a slash at its end; none for `/` alone.
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

  /// The segment that begins here; leaves the offset at the slash after it or at the end.
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

  /// A fault at a place, what is found being the text from there up to the next slash or space.
  func fault(at offset: Int, expected: String) -> RoutePatternError {
    let rest = bytes[offset...]
    let stop = rest.dropFirst().firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: " ") } ?? bytes.count
    let found = rest.isEmpty ? "the end" : "\"\(String(decoding: bytes[offset..<stop], as: UTF8.self))\""
    return RoutePatternError(text: text, offset: offset, expected: expected, found: found)
  }
}

/// A byte of a token that is no lower-case letter (RFC 9110, section 5.6.2).
private func isMethodByte(_ byte: UInt8) -> Bool {
  switch Unicode.Scalar(byte) {
  case "A"..."Z", "0"..."9", "!", "#", "$", "%", "&", "'", "*", "+", "-", ".", "^", "_", "`", "|", "~": true
  default: false
  }
}
