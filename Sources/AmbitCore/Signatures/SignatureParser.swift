/// Reads the text of a signature and stops at the first fault.
struct SignatureParser {
  let use: SignatureUse
  var scanner: SignatureScanner
  /// What was read so far, and where each parameter begins.
  var parameters: [SignatureParameter] = []
  var starts: [Int] = []
  var names: Set<String> = []

  init(_ text: String, use: SignatureUse) throws(SignatureError) {
    self.use = use
    scanner = SignatureScanner(text)
    guard scanner.bytes.count <= CSignature.maximumLength else {
      let length = scanner.bytes.count
      throw scanner.fault("expected at most \(CSignature.maximumLength) bytes, found \(length)")
    }
  }

  /// The whole text as `RET (TYPE source, ...)`.
  mutating func signature() throws(SignatureError) -> CSignature {
    let result = try result(wordsBeforeParameters())
    return CSignature(result: result, parameters: try parameterList(behind: "the return type"))
  }

  /// The rest of the text as `RET SYMBOL(TYPE source, ...)`.
  mutating func function() throws(SignatureError) -> (symbol: String, CSignature) {
    var words = wordsBeforeParameters()
    if let only = words.first, words.count == 1 {
      let isType = only.text == "status" || CType(rawValue: only.text) != nil
      throw isType
        ? scanner.unexpected(expected: "the function's name behind its return type")
        : scanner.fault("expected a return type before \(shown(only.text))", at: only.start)
    }
    let symbol = words.popLast()?.text ?? ""
    let result = try result(words)
    return (symbol, CSignature(result: result, parameters: try parameterList(behind: "the function's name")))
  }

  /// What stands before the colon.
  mutating func provider() throws(SignatureError) -> CallProvider {
    scanner.skipBlanks()
    let start = scanner.offset
    let head = scanner.bytes[start...].prefix { $0 != UInt8(ascii: "(") }
    guard let colon = head.lastIndex(of: UInt8(ascii: ":")) else {
      throw scanner.fault("expected `LIBRARY:` before the return type")
    }
    let bytes = head[..<colon]
    let name = bytes.prefix((bytes.lastIndex { !isBlank($0) } ?? start - 1) - start + 1)
    scanner.move(to: colon + 1)
    return try provider(name, at: start)
  }

  private func provider(_ bytes: ArraySlice<UInt8>, at start: Int) throws(SignatureError) -> CallProvider {
    guard !bytes.isEmpty else { throw scanner.fault("expected a library before the colon", at: start) }
    let name = String(decoding: bytes, as: UTF8.self)
    if isPluginName(bytes) { return .plugin(name) }
    guard !bytes.contains(0), bytes.contains(Ascii.slash) || !bytes.contains(where: isBlank) else {
      throw scanner.fault("expected a path, a library's name or a plugin's name, found \(shown(name))", at: start)
    }
    return .shared(name)
  }

  private mutating func wordsBeforeParameters() -> [SignatureScanner.Word] {
    var words: [SignatureScanner.Word] = []
    while let word = scanner.word() { words.append(word) }
    return words
  }
}

private func isBlank(_ byte: UInt8) -> Bool { byte <= Ascii.space }

/// A lower-case letter, then those, digits, `_` and `-`.
private func isPluginName(_ bytes: ArraySlice<UInt8>) -> Bool {
  guard let first = bytes.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first) else { return false }
  return bytes.allSatisfy { byte in
    switch Unicode.Scalar(byte) {
    case "a"..."z", "0"..."9", "_", "-": true
    default: false
    }
  }
}
