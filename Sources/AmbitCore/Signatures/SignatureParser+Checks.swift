/// What can be checked only when all parameters are known.
extension SignatureParser {
  func checkTogether() throws(SignatureError) {
    try checkLengths()
    guard use == .route else { return }
    try checkThatBytesHaveLengths()
    try checkBuffers()
  }

  /// Each `len` is that of a parameter that has one, and the length of a buffer fits the type that it is passed as.
  private func checkLengths() throws(SignatureError) {
    let measurable = parameters.compactMap(\.measurableName)
    for (parameter, start) in zip(parameters, starts) {
      guard case .length(let name) = parameter.source else { continue }
      if measurable.contains(name) {
        try checkLength(of: name, as: parameter.type, at: start)
        continue
      }
      let guess = nearestName(to: name, among: measurable + ["body"]).map { "; did you mean `\($0)`?" } ?? ""
      throw scanner.fault(
        "`len` is for `body` and for parameters that are text, bytes or a buffer; \(shown(name)) is none\(guess)",
        at: start)
    }
  }

  private func checkLength(of name: String, as type: CType, at start: Int) throws(SignatureError) {
    for case .buffer(let count, name) in parameters.map(\.source) where type.bits(ofLength: count) == nil {
      throw scanner.fault("expected \(type.expectation), found the length \(count) of \(shown(name))", at: start)
    }
  }

  /// A function that gets bytes of a client's choice without their number would read beyond them.
  private func checkThatBytesHaveLengths() throws(SignatureError) {
    for (parameter, start) in zip(parameters, starts) where parameter.type == .bytes {
      switch parameter.source {
      case .named(let name):
        if parameters.contains(where: { $0.source == .length(of: name) }) { continue }
        throw scanner.fault("expected another parameter `size len(\(name))`: bytes have no end of their own", at: start)
      case .body:
        if parameters.contains(where: { $0.source == .lengthOfBody }) { continue }
        throw scanner.fault("expected another parameter `size len(body)`: bytes have no end of their own", at: start)
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
  /// The name by which `len` can ask for the parameter's length.
  fileprivate var measurableName: String? {
    switch source {
    case .named(let name) where type == .str || type == .bytes: name
    case .buffer(_, let name): name
    default: nil
    }
  }
}
