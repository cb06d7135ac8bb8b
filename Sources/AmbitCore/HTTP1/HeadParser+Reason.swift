// Why a head was rejected, in words for the client. It is found by a second look at the bytes, so that heads that are
// well-formed cost nothing.

extension HeadParser {
  /// One line for the client about the head that `parse` has rejected with `error`, without a line end. If one byte is
  /// at fault, the line names it and its place.
  /// - Parameter bytes: those that `parse` was called with.
  public func reason(of error: HTTPParseError, in bytes: RawSpan) -> String {
    switch error {
    case .forbiddenTargetByte: reasonInTarget(bytes) ?? "\(error.text)"
    case .invalidFieldName: reasonInName(bytes) ?? "\(error.text)"
    case .invalidFieldValue: reasonInValue(bytes) ?? "\(error.text)"
    default: "\(error.text)"
    }
  }

  private func reasonInTarget(_ bytes: RawSpan) -> String? {
    let start = bytes.endOfToken(from: position) + 1
    let place = bytes.firstPosition(from: start, where: ByteBlock.endsTarget)
    guard place < bytes.byteCount else { return nil }
    let byte = HexadecimalText.of(bytes[octet: place])
    return "byte \(place - start + 1) of the request target is 0x\(byte), which must be percent-encoded as %\(byte)"
  }

  private func reasonInName(_ bytes: RawSpan) -> String? {
    let place = bytes.endOfToken(from: position)
    guard place < bytes.byteCount else { return nil }
    return "byte \(place - position + 1) of a header line is 0x\(HexadecimalText.of(bytes[octet: place])), "
      + "which is not allowed in the name of a header"
  }

  private func reasonInValue(_ bytes: RawSpan) -> String? {
    let nameEnd = bytes.endOfToken(from: position)
    let place = bytes.firstPosition(from: nameEnd, where: ByteBlock.endsText)
    guard place < bytes.byteCount else { return nil }
    let name = String((position..<nameEnd).map { Character(Unicode.Scalar(bytes[octet: $0])) })
    return "byte \(place - nameEnd) after the colon of the header \(name) is 0x"
      + "\(HexadecimalText.of(bytes[octet: place])), a control character"
  }

  /// The method of a request whose first line was rejected: an answer to HEAD has no body.
  func methodOfRejectedLine(_ bytes: RawSpan) -> Method {
    let end = bytes.endOfToken(from: position)
    return Method(bytes, ByteRange(from: position, to: end))
  }
}

private enum HexadecimalText {
  /// Two capital digits.
  static func of(_ byte: UInt8) -> String {
    let text = String(byte, radix: 16, uppercase: true)
    return byte < 16 ? "0" + text : text
  }
}
