/// The two fields that say where the body ends. They are read more strictly than RFC 9112, section 6, asks for: every
/// doubt is a rejection.
extension HeadParser {
  mutating func readContentLength(
    _ value: ByteRange, in bytes: RawSpan, into head: inout RequestHead
  ) throws(Interruption) {
    if seen.contains(.transferEncoding) { throw .rejected(.twoLengths) }
    if seen.contains(.contentLength) { throw .rejected(.repeatedContentLength) }
    guard let length = bytes.decimalNumber(value) else { throw .rejected(.malformedContentLength) }
    seen.insert(.contentLength)
    head.body = .length(length)
  }

  mutating func readTransferEncoding(
    _ value: ByteRange, in bytes: RawSpan, into head: inout RequestHead
  ) throws(Interruption) {
    if seen.contains(.contentLength) { throw .rejected(.twoLengths) }
    if head.minorVersion == 0 { throw .rejected(.transferEncodingInOldVersion) }
    var codings = ListElements(of: value)
    while let coding = codings.next(in: bytes) {
      if coding.isEmpty || head.body == .chunked { throw .rejected(.malformedTransferEncoding) }
      if !bytes.equals(coding, anyCaseOf: "chunked") { throw .rejected(.unknownTransferCoding) }
      head.body = .chunked
    }
    seen.insert(.transferEncoding)
  }
}

extension RawSpan {
  /// The number that the digits of `range` spell; nil if there is none, another byte, or 2^63 and more.
  fileprivate func decimalNumber(_ range: ByteRange) -> Int64? {
    if range.isEmpty { return nil }
    var number: Int64 = 0
    for position in range.start..<range.end {
      let byte = self[octet: position]
      guard ByteClass.digit.contains(byte) else { return nil }
      let (shifted, isTooLarge) = number.multipliedReportingOverflow(by: 10)
      let (sum, overflows) = shifted.addingReportingOverflow(Int64(byte &- Ascii.zero))
      if isTooLarge || overflows { return nil }
      number = sum
    }
    return number
  }
}
