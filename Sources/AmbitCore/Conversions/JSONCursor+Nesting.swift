extension JSONCursor {
  /// Consumes an object or array that begins here, whatever is in it, and checks it. Does not call itself: what a client
  /// nests costs no stack.
  mutating func skipNested(_ bytes: RawSpan) throws(JSONError) {
    var open = OpenBrackets()
    repeat {
      let beganEmpty = try beginValue(bytes, &open)
      guard let beganEmpty else { continue }
      if !beganEmpty { _ = try scalar(bytes) }
      try endValues(bytes, &open)
    } while open.depth > 0
  }

  /// At a value: opens it if it is an object or array with something in it, up to its first value.
  /// - Returns: nil if something was opened; true if an empty object or array was consumed; false if neither begins here.
  private mutating func beginValue(_ bytes: RawSpan, _ open: inout OpenBrackets) throws(JSONError) -> Bool? {
    skipBlanks(bytes)
    let start = position
    let isObject = take(UInt8(ascii: "{"), bytes)
    guard isObject || take(Ascii.leftBracket, bytes) else { return false }
    // One level is the object around everything.
    guard open.depth < Self.maximumDepth - 1 else {
      throw bytes.jsonError(at: start, expected: "at most \(Self.maximumDepth) levels of nesting")
    }
    if take(isObject ? UInt8(ascii: "}") : Ascii.rightBracket, bytes) { return true }
    open.push(isObject: isObject)
    if isObject { _ = try name(bytes) }
    return nil
  }

  /// Behind a value: closes what ends here, and goes on to the next value of what does not.
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

/// Which of the open brackets are those of objects, the innermost in the lowest bit.
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
