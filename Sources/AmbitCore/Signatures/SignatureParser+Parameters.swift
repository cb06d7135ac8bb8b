extension SignatureParser {
  /// Everything from the opening parenthesis to the end of the text.
  /// - Parameter behind: what stands before the parenthesis, for a message.
  mutating func parameterList(behind: String) throws(SignatureError) -> [SignatureParameter] {
    guard scanner.take("(") else { throw scanner.unexpected(expected: "`(` behind \(behind)") }
    if !scanner.take(")") {
      repeat { try appendParameter() } while scanner.take(",")
      guard scanner.take(")") else { throw scanner.unexpected(expected: "`,` or `)` behind the parameter") }
    }
    scanner.skipBlanks()
    guard scanner.peek == nil else { throw scanner.unexpected(expected: "the end behind `)`") }
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
    parameters.append(parameter)
    starts.append(start)
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
    switch type {
    case .void: throw scanner.fault("`void` is a return type only; without parameters write `()`", at: word.start)
    case .scope:
      _ = scanner.word()  // A name for it means nothing: there is one scope.
      return SignatureParameter(.scope, .scope)
    default: return SignatureParameter(type, try source(of: type))
    }
  }

  /// What follows `out`.
  private mutating func variable() throws(SignatureError) -> SignatureParameter {
    guard let word = scanner.word() else { throw scanner.unexpected(expected: "the variable's type behind `out`") }
    let type = try type(word, besides: [])
    guard type.isScalar || type == .str else {
      throw scanner.fault("`out` reports numbers, `bool` and `str`, found `\(type.rawValue)`", at: word.start)
    }
    return SignatureParameter(.ptr, .out(type, try reportedName()))
  }

  /// What follows `buffer`.
  private mutating func buffer() throws(SignatureError) -> SignatureParameter {
    guard scanner.take("(") else { throw scanner.unexpected(expected: "`(` and the number of bytes behind `buffer`") }
    scanner.skipBlanks()
    let number = scanner.number()
    guard let count = Int(number.text), number.text.utf8.allSatisfy({ $0 >= Ascii.zero }),
      (1...CSignature.maximumBufferBytes).contains(count)
    else {
      throw scanner.fault(
        "expected a number of bytes from 1 to \(CSignature.maximumBufferBytes), found \(shown(number.text))",
        at: number.start)
    }
    guard scanner.take(")") else { throw scanner.unexpected(expected: "`)` behind the number of bytes") }
    return SignatureParameter(.ptr, .buffer(count, try reportedName()))
  }

  private mutating func reportedName() throws(SignatureError) -> String {
    guard let word = scanner.word() else { throw scanner.unexpected(expected: "the name to report it under") }
    guard word.text != "result" else {
      throw scanner.fault("expected another name: `result` is what the function returns", at: word.start)
    }
    return try newName(word)
  }

  /// A word as the name of a parameter, which no parameter before it has.
  mutating func newName(_ word: SignatureScanner.Word) throws(SignatureError) -> String {
    guard word.text.utf8.count <= CSignature.maximumNameLength else {
      throw scanner.fault("expected a name of at most \(CSignature.maximumNameLength) bytes", at: word.start)
    }
    guard names.insert(word.text).inserted else {
      throw scanner.fault("expected names that differ, found \(shown(word.text)) a second time", at: word.start)
    }
    return word.text
  }
}
