/// Parses the text of a signature and stops at the first error.
struct SignatureParser {
  let use: SignatureUse
  var scanner: SignatureScanner
  /// The parameters so far, and the offset of each.
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
    let result = try result(try wordsBeforeParameters())
    return CSignature(result: result, parameters: try parameterList(after: "the return type"))
  }

  /// The rest of the text as `RET SYMBOL(TYPE source, ...)`.
  mutating func function() throws(SignatureError) -> (symbol: String, CSignature) {
    var words = try wordsBeforeParameters()
    if let only = words.first, words.count == 1 {
      let isType = only.text == "status" || CType(rawValue: only.text) != nil
      throw isType
        ? scanner.unexpected(expected: "the function's name after its return type")
        : scanner.fault("expected a return type before \(shown(only.text))", at: only.start)
    }
    let symbol = words.popLast()?.text ?? ""
    let result = try result(words)
    return (symbol, CSignature(result: result, parameters: try parameterList(after: "the function's name")))
  }

  /// The text before the colon.
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

  private mutating func wordsBeforeParameters() throws(SignatureError) -> [SignatureScanner.Word] {
    var words: [SignatureScanner.Word] = []
    while let word = scanner.word() { words.append(word) }
    if let first = words.first { try refusePointer(from: first.start, isResult: true) }
    return words
  }
}

private func isBlank(_ byte: UInt8) -> Bool { byte <= Ascii.space }

/// A lower-case letter, followed by lower-case letters, digits, `_` and `-`.
private func isPluginName(_ bytes: ArraySlice<UInt8>) -> Bool {
  guard let first = bytes.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first) else { return false }
  return bytes.allSatisfy { byte in
    switch Unicode.Scalar(byte) {
    case "a"..."z", "0"..."9", "_", "-": true
    default: false
    }
  }
}

extension SignatureParser {
  /// The result type from its words: a type and perhaps a qualifier.
  mutating func result(_ words: [SignatureScanner.Word]) throws(SignatureError) -> SignatureResult {
    guard let first = words.first else { throw scanner.unexpected(expected: "a return type") }
    let isStatus = first.text == "status"
    if words.count > 2, isStatus || CType(rawValue: first.text) != nil {
      throw scanner.fault("expected `(`, found \(shown(words[2].text))", at: words[2].start)
    }
    let qualifier = words.dropFirst().first
    if isStatus {
      if let qualifier { throw scanner.fault("expected `(`, found \(shown(qualifier.text))", at: qualifier.start) }
      guard use != .callback else { throw scanner.fault(callerGetsResult("status"), at: first.start) }
      return SignatureResult(type: .i32, status: true)
    }
    let type = try type(first, besides: ["status"], isResult: true)
    try checkResult(type, at: first.start)
    guard let qualifier else { return SignatureResult(type: type) }
    return try qualified(type, qualifier)
  }

  private func checkResult(_ type: CType, at place: Int) throws(SignatureError) {
    switch type {
    case .scope:
      throw scanner.fault("expected a return type, found `scope`, which is a parameter type only", at: place)
    case .bytes where use == .route, .ptr where use == .route:
      throw scanner.fault(
        "expected a return type that can be reported, found `\(type.rawValue)`; use `str` for text", at: place)
    default: break
    }
  }

  private func qualified(
    _ type: CType, _ qualifier: SignatureScanner.Word
  ) throws(SignatureError) -> SignatureResult {
    switch qualifier.text {
    case "free":
      guard type == .str else {
        throw scanner.fault("expected `str` before `free`, found `\(type.rawValue)`", at: qualifier.start)
      }
      guard use == .route else {
        throw scanner.fault("`free` is allowed only for routes, which copy the text first", at: qualifier.start)
      }
      return SignatureResult(type: type, freed: true)
    case "errno":
      guard type.isSignedInteger else {
        throw scanner.fault(
          "expected `i8`, `i16`, `i32` or `i64` before `errno`, found `\(type.rawValue)`",
          at: qualifier.start)
      }
      guard use != .callback else { throw scanner.fault(callerGetsResult("errno"), at: qualifier.start) }
      return SignatureResult(type: type, errno: true)
    default:
      throw scanner.fault("expected `free`, `errno` or `(`, found \(shown(qualifier.text))", at: qualifier.start)
    }
  }

  private func callerGetsResult(_ word: String) -> String {
    "`\(word)` tells the host how to treat a result, but the result of a callback goes to its caller"
  }

  /// The type of a word.
  /// - Parameters:
  ///   - others: other words that are allowed here, for the suggestion.
  ///   - isResult: whether it is a return type.
  func type(
    _ word: SignatureScanner.Word, besides others: [String], isResult: Bool = false
  ) throws(SignatureError) -> CType {
    if let type = CType(rawValue: word.text) { return type }
    if let foreign = ForeignTypeName(at: word.start, of: scanner.bytes, for: use, isResult: isResult) {
      throw unknown(foreign, at: word.start)
    }
    let types = CType.allCases.map(\.rawValue)
    let guess = suggestion(for: word.text, among: types + others).map { "; did you mean `\($0)`?" }
    let advice = guess ?? "; the types are \(types.joined(separator: " "))"
    throw scanner.fault("unknown type \(shown(word.text))\(advice)", at: word.start)
  }

  /// Refuses a `*` after the words of a type that begins at `start`.
  mutating func refusePointer(from start: Int, isResult: Bool) throws(SignatureError) {
    scanner.skipBlanks()
    guard scanner.peek == UInt8(ascii: "*"),
      let foreign = ForeignTypeName(at: start, of: scanner.bytes, for: use, isResult: isResult)
    else { return }
    throw unknown(foreign, at: start)
  }

  private func unknown(_ foreign: ForeignTypeName, at start: Int) -> SignatureError {
    scanner.fault("unknown type \(shown(foreign.text)): \(foreign.advice)", at: start)
  }
}

/// Checks that need all parameters.
extension SignatureParser {
  func checkTogether() throws(SignatureError) {
    try checkLengths()
    guard use == .route else { return }
    try checkThatBytesHaveLengths()
    try checkBuffers()
  }

  /// Checks that each `len` names a parameter that has a length, and that the length of a buffer fits its type.
  private func checkLengths() throws(SignatureError) {
    let measurable = parameters.compactMap(\.measurableName)
    for (parameter, start) in zip(parameters, starts) {
      guard case .length(let name) = parameter.source else { continue }
      if measurable.contains(name) {
        try checkLength(of: name, as: parameter.type, at: start)
        continue
      }
      let guess = suggestion(for: name, among: measurable + ["body"]).map { "; did you mean `\($0)`?" } ?? ""
      throw scanner.fault(
        "`len` takes `body` or a parameter that is text, bytes or a buffer; \(shown(name)) is neither\(guess)",
        at: start)
    }
  }

  private func checkLength(of name: String, as type: CType, at start: Int) throws(SignatureError) {
    for case .buffer(let count, name) in parameters.map(\.source) where type.bits(ofLength: count) == nil {
      throw scanner.fault("expected \(type.expectation), found the length \(count) of \(shown(name))", at: start)
    }
  }

  /// Checks that each parameter with bytes from the client has another one with their length. Without it the function
  /// would read beyond their end.
  private func checkThatBytesHaveLengths() throws(SignatureError) {
    for (parameter, start) in zip(parameters, starts) where parameter.type == .bytes {
      switch parameter.source {
      case .named(let name):
        if parameters.contains(where: { $0.source == .length(of: name) }) { continue }
        throw scanner.fault(
          "expected another parameter `size len(\(name))`: the function needs the number of bytes",
          at: start)
      case .body:
        if parameters.contains(where: { $0.source == .lengthOfBody }) { continue }
        throw scanner.fault(
          "expected another parameter `size len(body)`: the function needs the number of bytes",
          at: start)
      default: break
      }
    }
  }

  private func checkBuffers() throws(SignatureError) {
    var total = 0
    for (parameter, start) in zip(parameters, starts) {
      guard case .buffer(let count, _) = parameter.source else { continue }
      total += count
      guard total <= CSignature.maximumBufferBytes else {
        throw scanner.fault("expected at most \(CSignature.maximumBufferBytes) bytes in all buffers", at: start)
      }
    }
  }
}

extension SignatureParameter {
  /// The name of the parameter if `len` can take it.
  fileprivate var measurableName: String? {
    switch source {
    case .named(let name) where type == .str || type == .bytes: name
    case .buffer(_, let name): name
    default: nil
    }
  }
}
