extension SignatureParser {
  /// The words of a return type, its qualifier behind it.
  mutating func result(_ words: [SignatureScanner.Word]) throws(SignatureError) -> SignatureResult {
    guard let first = words.first else { throw scanner.unexpected(expected: "a return type") }
    if words.count > 2 { throw scanner.fault("expected `(`, found \(shown(words[2].text))", at: words[2].start) }
    let qualifier = words.dropFirst().first
    if first.text == "status" {
      if let qualifier { throw scanner.fault("expected `(`, found \(shown(qualifier.text))", at: qualifier.start) }
      guard use != .callback else { throw scanner.fault(callerGetsResult("status"), at: first.start) }
      return SignatureResult(type: .i32, status: true)
    }
    let type = try type(first, besides: ["status"])
    try checkResult(type, at: first.start)
    guard let qualifier else { return SignatureResult(type: type) }
    return try qualified(type, qualifier)
  }

  private func checkResult(_ type: CType, at place: Int) throws(SignatureError) {
    switch type {
    case .scope:
      throw scanner.fault("expected a return type, found `scope`, which is passed only", at: place)
    case .bytes where use == .route, .ptr where use == .route:
      throw scanner.fault(
        "expected a return type that can be reported, found `\(type.rawValue)`; text is `str`", at: place)
    default: break
    }
  }

  private func qualified(
    _ type: CType, _ qualifier: SignatureScanner.Word
  ) throws(SignatureError) -> SignatureResult {
    switch qualifier.text {
    case "free":
      guard type == .str else {
        throw scanner.fault("`free` is for `str` only, found `\(type.rawValue)`", at: qualifier.start)
      }
      guard use == .route else {
        throw scanner.fault("`free` is for routes only, which report the text first", at: qualifier.start)
      }
      return SignatureResult(type: type, freed: true)
    case "errno":
      guard type.isSignedInteger else {
        throw scanner.fault(
          "`errno` is for `i8`, `i16`, `i32` and `i64`, which can be -1, found `\(type.rawValue)`",
          at: qualifier.start)
      }
      guard use != .callback else { throw scanner.fault(callerGetsResult("errno"), at: qualifier.start) }
      return SignatureResult(type: type, errno: true)
    default:
      throw scanner.fault("expected `free`, `errno` or `(`, found \(shown(qualifier.text))", at: qualifier.start)
    }
  }

  private func callerGetsResult(_ word: String) -> String {
    "`\(word)` says what the host makes of a result, and a callback's goes to its caller"
  }

  /// The type that a word names.
  /// - Parameter others: words that would have been right in its place too, for the guess at what was meant.
  func type(_ word: SignatureScanner.Word, besides others: [String]) throws(SignatureError) -> CType {
    if let type = CType(rawValue: word.text) { return type }
    let types = CType.allCases.map(\.rawValue)
    let guess = nearestName(to: word.text, among: types + others).map { "; did you mean `\($0)`?" }
    let advice = guess ?? "; known are \(types.joined(separator: " "))"
    throw scanner.fault("unknown type \(shown(word.text))\(advice)", at: word.start)
  }
}
