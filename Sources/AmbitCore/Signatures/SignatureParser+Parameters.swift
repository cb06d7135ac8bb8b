extension SignatureParser {
  /// Parses the text from the opening parenthesis to its end.
  /// - Parameter predecessor: the text before the parenthesis, for a message.
  mutating func parameterList(after predecessor: String) throws(SignatureError) -> [SignatureParameter] {
    guard scanner.take("(") else { throw scanner.unexpected(expected: "`(` after \(predecessor)") }
    if !scanner.take(")") {
      repeat { try appendParameter() } while scanner.take(",")
      guard scanner.take(")") else { throw scanner.unexpected(expected: "`,` or `)` after the parameter") }
    }
    scanner.skipBlanks()
    guard scanner.peek == nil else { throw scanner.unexpected(expected: "the end of the text after `)`") }
    try checkTogether()
    return parameters
  }

  private mutating func appendParameter() throws(SignatureError) {
    scanner.skipBlanks()
    let start = scanner.offset
    guard parameters.count < CSignature.maximumParameters else {
      throw scanner.fault("expected at most \(CSignature.maximumParameters) parameters")
    }
    let parameter = try parameter()
    guard use == .route || isPassedByCaller(parameter.source) else {
      throw scanner.fault("expected a type and a name, since the caller passes the argument", at: start)
    }
    if scanner.take("=") { throw misplacedDefault(after: parameter) }
    parameters.append(parameter)
    starts.append(start)
  }

  /// The error for a default value behind a parameter that takes none; `=` has been read.
  private func misplacedDefault(after parameter: SignatureParameter) -> SignatureError {
    let place = scanner.offset - 1
    guard use == .route else {
      return scanner.fault("a default value is for routes; here the caller passes all arguments", at: place)
    }
    return scanner.fault(
      "a default value is for a parameter that the request may leave out, such as `i32 limit = 20`; "
        + "`\(parameter)` is none",
      at: place)
  }

  private func isPassedByCaller(_ source: ArgumentSource) -> Bool {
    switch source {
    case .named: true
    case .scope: use == .job
    default: false
    }
  }

  private mutating func parameter() throws(SignatureError) -> SignatureParameter {
    guard let word = scanner.word() else { throw scanner.unexpected(expected: "a parameter's type") }
    switch word.text {
    case "out": return try variable()
    case "buffer": return try buffer()
    default: break
    }
    let type = try type(word, besides: ["out", "buffer"])
    try refusePointer(from: word.start, isResult: false)
    switch type {
    case .void: throw scanner.fault("`void` is a return type only; without parameters write `()`", at: word.start)
    case .scope:
      _ = scanner.word()  // The name of the scope has no meaning.
      return SignatureParameter(.scope, .scope)
    default: break
    }
    let source = try source(of: type)
    guard case .named = source, use == .route, scanner.take("=") else { return SignatureParameter(type, source) }
    return SignatureParameter(type, source, default: try defaultValue(of: type))
  }

  /// Parses the text after `out`.
  private mutating func variable() throws(SignatureError) -> SignatureParameter {
    guard let word = scanner.word() else { throw scanner.unexpected(expected: "the variable's type after `out`") }
    let type = try type(word, besides: [])
    guard type.isScalar || type == .str else {
      throw scanner.fault(
        "expected a number type, `bool` or `str` after `out`, found `\(type.rawValue)`", at: word.start)
    }
    if scanner.take("*") {
      throw scanner.fault(
        "expected the name after `out \(type.rawValue)`: `out` passes the address", at: scanner.offset - 1)
    }
    return SignatureParameter(.ptr, .out(type, try reportedName()))
  }

  /// Parses the text after `buffer`.
  private mutating func buffer() throws(SignatureError) -> SignatureParameter {
    guard scanner.take("(") else { throw scanner.unexpected(expected: "`(` and the number of bytes after `buffer`") }
    scanner.skipBlanks()
    let number = scanner.number()
    guard let count = Int(number.text), number.text.utf8.allSatisfy({ $0 >= Ascii.zero }),
      (1...CSignature.maximumBufferBytes).contains(count)
    else {
      throw scanner.fault(
        "expected a number of bytes from 1 to \(CSignature.maximumBufferBytes), found \(shown(number.text))",
        at: number.start)
    }
    guard scanner.take(")") else { throw scanner.unexpected(expected: "`)` after the number of bytes") }
    return SignatureParameter(.ptr, .buffer(count, try reportedName()))
  }

  private mutating func reportedName() throws(SignatureError) -> String {
    guard let word = scanner.word() else { throw scanner.unexpected(expected: "the name to report it under") }
    guard word.text != "result" else {
      throw scanner.fault("expected another name: `result` is what the function returns", at: word.start)
    }
    return try newName(word)
  }

  /// A word as the name of a parameter. It must differ from earlier names.
  mutating func newName(_ word: SignatureScanner.Word) throws(SignatureError) -> String {
    guard word.text.utf8.count <= CSignature.maximumNameLength else {
      throw scanner.fault("expected a name of at most \(CSignature.maximumNameLength) bytes", at: word.start)
    }
    guard names.insert(word.text).inserted else {
      throw scanner.fault("expected each name once, found \(shown(word.text)) a second time", at: word.start)
    }
    return word.text
  }
}

extension SignatureParser {
  /// Parses the source after a type.
  mutating func source(of type: CType) throws(SignatureError) -> ArgumentSource {
    scanner.skipBlanks()
    if scanner.peek == Ascii.quote { return .constant(try text(for: type)) }
    if scanner.isAtNumber { return .constant(try scalar(scanner.number(), of: type)) }
    guard let word = scanner.word() else {
      throw scanner.unexpected(expected: "a name or a value after `\(type.rawValue)`")
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
      throw scanner.fault("expected `null` for `ptr`, found \(shown(word.text))", at: word.start)
    }
    return .named(try newName(word))
  }

  /// Parses the constant after `=`.
  private mutating func defaultValue(of type: CType) throws(SignatureError) -> ConstantArgument {
    scanner.skipBlanks()
    if scanner.peek == Ascii.quote { return try text(for: type) }
    if type.isScalar, scanner.isAtNumber { return try scalar(scanner.number(), of: type) }
    let expected = type.isScalar ? "a default value after `=`" : "text in double quotes or `null` after `=`"
    guard let word = scanner.word() else { throw scanner.unexpected(expected: expected) }
    guard type.isScalar || word.text == "null" else {
      throw scanner.fault("expected \(expected), found \(shown(word.text))", at: word.start)
    }
    return word.text == "null" ? try null(word, of: type) : try scalar(word, of: type)
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
      throw scanner.fault("expected `bytes` or `str` for the body, found `\(type.rawValue)`", at: word.start)
    }
    return .body
  }

  private mutating func length(
    _ word: SignatureScanner.Word, of type: CType
  ) throws(SignatureError) -> ArgumentSource {
    guard type.isInteger else {
      throw scanner.fault("expected an integer type for the length, found `\(type.rawValue)`", at: word.start)
    }
    guard let name = scanner.word() else { throw scanner.unexpected(expected: "`body` or a parameter's name") }
    guard scanner.take(")") else { throw scanner.unexpected(expected: "`)` after the name") }
    return name.text == "body" ? .lengthOfBody : .length(of: name.text)
  }

  /// Parses the text in quotes that begins here.
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

  /// The byte of an escape, of which the backslash is consumed.
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
  /// The constants of the type, for a message.
  fileprivate var constants: String {
    switch self {
    case .str, .bytes: "text in double quotes, `null` or a name for `\(rawValue)`"
    case .ptr: "`null` for `ptr`"
    default: expectation
    }
  }
}
