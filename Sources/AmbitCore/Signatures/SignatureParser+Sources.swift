extension SignatureParser {
  /// What stands behind a type.
  mutating func source(of type: CType) throws(SignatureError) -> ArgumentSource {
    scanner.skipBlanks()
    if scanner.peek == Ascii.quote { return .constant(try text(for: type)) }
    if scanner.isAtNumber { return .constant(try scalar(scanner.number(), of: type)) }
    guard let word = scanner.word() else {
      throw scanner.unexpected(expected: "a name or a value behind `\(type.rawValue)`")
    }
    switch word.text {
    case "true", "false": return .constant(try scalar(word, of: type))
    case "null": return .constant(try null(word, of: type))
    case "body" where use == .route: return try body(word, of: type)
    case "len":
      if scanner.take("(") { return try length(word, of: type) }
    default: break
    }
    if type == .ptr, use == .route {
      throw scanner.fault("`ptr` takes only `null`, found \(shown(word.text))", at: word.start)
    }
    return .named(try newName(word))
  }

  private func scalar(_ word: SignatureScanner.Word, of type: CType) throws(SignatureError) -> ConstantArgument {
    guard type.isScalar else {
      throw scanner.fault("expected \(type.constants), found \(shown(word.text))", at: word.start)
    }
    guard let bits = Array(word.text.utf8).withOctets({ type.bits(of: $0) }) else {
      throw scanner.fault("expected \(type.expectation), found \(shown(word.text))", at: word.start)
    }
    return .scalar(bits)
  }

  private func null(_ word: SignatureScanner.Word, of type: CType) throws(SignatureError) -> ConstantArgument {
    guard !type.isScalar else {
      throw scanner.fault("expected \(type.expectation), found `null`", at: word.start)
    }
    return .null
  }

  private func body(_ word: SignatureScanner.Word, of type: CType) throws(SignatureError) -> ArgumentSource {
    guard type == .str || type == .bytes else {
      throw scanner.fault("the body is passed as `bytes` or `str`, found `\(type.rawValue)`", at: word.start)
    }
    return .body
  }

  private mutating func length(
    _ word: SignatureScanner.Word, of type: CType
  ) throws(SignatureError) -> ArgumentSource {
    guard type.isInteger else {
      throw scanner.fault("a length is passed as an integer type, found `\(type.rawValue)`", at: word.start)
    }
    guard let name = scanner.word() else { throw scanner.unexpected(expected: "`body` or a parameter's name") }
    guard scanner.take(")") else { throw scanner.unexpected(expected: "`)` behind the name") }
    return name.text == "body" ? .lengthOfBody : .length(of: name.text)
  }

  /// The text in quotes that begins here.
  private mutating func text(for type: CType) throws(SignatureError) -> ConstantArgument {
    let start = scanner.offset
    guard type == .str || type == .bytes else {
      throw scanner.fault("expected \(type.constants), found text in quotes", at: start)
    }
    scanner.advance()
    var text: [UInt8] = []
    while let byte = scanner.peek, byte != Ascii.quote {
      scanner.advance()
      guard byte != 0 else { throw scanner.fault("expected text without NUL", at: scanner.offset - 1) }
      text.append(byte == Ascii.backslash ? try escaped() : byte)
    }
    guard scanner.peek != nil else { throw scanner.fault("expected `\"` at the end of the text", at: start) }
    scanner.advance()
    return .text(String(decoding: text, as: UTF8.self))
  }

  /// The byte that the rest of an escape stands for.
  private mutating func escaped() throws(SignatureError) -> UInt8 {
    let byte = scanner.peek
    guard let byte, let meaning = Self.escapes[byte] else {
      throw scanner.fault("expected `\\\"`, `\\\\`, `\\n`, `\\r` or `\\t`", at: scanner.offset - 1)
    }
    scanner.advance()
    return meaning
  }

  private static let escapes: [UInt8: UInt8] = [
    Ascii.quote: Ascii.quote, Ascii.backslash: Ascii.backslash, UInt8(ascii: "n"): Ascii.lineFeed,
    UInt8(ascii: "r"): Ascii.carriageReturn, UInt8(ascii: "t"): Ascii.tab,
  ]
}

extension CType {
  /// What a signature can spell out for the type, for a message.
  fileprivate var constants: String {
    switch self {
    case .str, .bytes: "text in quotes, `null` or a name for `\(rawValue)`"
    case .ptr: "`null` for `ptr`"
    default: expectation
    }
  }
}
