/// What the header lines read so far have said about the connection.
struct SeenFields: OptionSet, Sendable {
  let rawValue: UInt8

  static var host: SeenFields { SeenFields(rawValue: 1) }
  static var contentLength: SeenFields { SeenFields(rawValue: 2) }
  static var transferEncoding: SeenFields { SeenFields(rawValue: 4) }
  static var close: SeenFields { SeenFields(rawValue: 8) }
  static var keepAlive: SeenFields { SeenFields(rawValue: 16) }
}

extension HeadParser {
  /// Reads header lines and the blank line behind them.
  @inline(__always)
  mutating func readFields(
    _ bytes: RawSpan, into head: inout RequestHead, fields: inout MutableSpan<HeaderField>
  ) throws(Interruption) {
    while !bytes.has(Ascii.carriageReturn, Ascii.lineFeed, at: position) {
      let line: FieldLine
      if let usual = skipUsualFields(bytes, into: &head, fields: &fields) {
        line = usual
      } else if bytes.has(Ascii.carriageReturn, Ascii.lineFeed, at: position) {
        break
      } else {
        line = try Self.readLine(bytes, at: position, isLast: head.fieldCount >= min(limits.maxFields, fields.count))
      }
      if Self.mayDecide(line.field.name, in: bytes) { try interpret(line.field, in: bytes, into: &head) }
      fields[head.fieldCount] = line.field
      head.fieldCount &+= 1
      position = line.end
    }
    position &+= 2
  }

  /// Reads usual lines as long as they say nothing about the connection, as most do not. Returns a usual line that may
  /// say something; nil if the next line, or the part of it that has arrived, is not a usual one. This loop calls
  /// nothing, so that its values stay in registers.
  @inline(never)
  private mutating func skipUsualFields(
    _ bytes: RawSpan, into head: inout RequestHead, fields: inout MutableSpan<HeaderField>
  ) -> FieldLine? {
    let room = min(limits.maxFields, fields.count)
    var count = head.fieldCount
    var start = position
    defer {
      head.fieldCount = count
      position = start
    }
    while count < room, let line = FieldLine(usual: bytes, at: start) {
      if Self.mayDecide(line.field.name, in: bytes) { return line }
      fields[count] = line.field
      count &+= 1
      start = line.end
    }
    return nil
  }

  /// Reads any line but the blank one. If `isLast`, there is no room for more fields, and the next line must be blank.
  @inline(never)
  private static func readLine(
    _ bytes: RawSpan, at position: Int, isLast: Bool
  ) throws(Interruption) -> FieldLine {
    if try bytes.next(at: position) == Ascii.carriageReturn {
      _ = try bytes.lineEnd(at: position, otherwise: .bareCarriageReturn)
    }
    if isLast { throw .rejected(.tooManyFields) }
    return try FieldLine(bytes, at: position)
  }

  /// Whether a name has the length and the first letter of one that decides about the connection.
  @inline(__always)
  private static func mayDecide(_ name: ByteRange, in bytes: RawSpan) -> Bool {
    func mark(_ length: UInt32, _ letter: Unicode.Scalar) -> UInt32 { length &<< 8 | letter.value }
    switch name.length &<< 8 | UInt32(bytes[octet: name.start] | 0x20) {
    case mark(4, "h"), mark(6, "e"), mark(10, "c"), mark(14, "c"), mark(17, "t"): return true
    default: return false
    }
  }

  /// Reads a field that decides about the connection, if it is one.
  private mutating func interpret(
    _ field: HeaderField, in bytes: RawSpan, into head: inout RequestHead
  ) throws(Interruption) {
    switch field.name.length {
    case 4 where bytes.equals(field.name, anyCaseOf: "host"): try readHost(field.value, in: bytes, into: &head)
    case 6 where bytes.equals(field.name, anyCaseOf: "expect"): try readExpect(field.value, in: bytes, into: &head)
    case 10 where bytes.equals(field.name, anyCaseOf: "connection"): readConnection(field.value, in: bytes)
    case 14 where bytes.equals(field.name, anyCaseOf: "content-length"):
      try readContentLength(field.value, in: bytes, into: &head)
    case 17 where bytes.equals(field.name, anyCaseOf: "transfer-encoding"):
      try readTransferEncoding(field.value, in: bytes, into: &head)
    default: break
    }
  }

  /// RFC 9112, section 3.2: exactly one in HTTP/1.1. The authority of an absolute target goes before it.
  private mutating func readHost(
    _ value: ByteRange, in bytes: RawSpan, into head: inout RequestHead
  ) throws(Interruption) {
    if seen.contains(.host) { throw .rejected(.repeatedHost) }
    if !hostCache.equals(value, in: bytes) {
      if !isHost(value, in: bytes) { throw .rejected(.invalidHost) }
      hostCache = HostCache(value, in: bytes)
    }
    if head.authority == nil { head.authority = value }
    seen.insert(.host)
  }

  // Out of line, so that a host that is known takes no time for the registers that this needs.
  @inline(never)
  private func isHost(_ value: ByteRange, in bytes: RawSpan) -> Bool { Authority(value, in: bytes) != nil }

  /// RFC 9110, section 10.1.1. An expectation in HTTP/1.0 is ignored, as that section asks.
  private func readExpect(
    _ value: ByteRange, in bytes: RawSpan, into head: inout RequestHead
  ) throws(Interruption) {
    if http1.minorVersion == 0 { return }
    if !bytes.equals(value, anyCaseOf: "100-continue") { throw .rejected(.unknownExpectation) }
    head.expectsContinue = true
  }

  /// RFC 9110, section 7.6.1. Options other than these two are of no interest here.
  private mutating func readConnection(_ value: ByteRange, in bytes: RawSpan) {
    if bytes.equals(value, anyCaseOf: "keep-alive") { return seen.formUnion(.keepAlive) }
    var elements = ListElements(of: value)
    while let option = elements.next(in: bytes) {
      if bytes.equals(option, anyCaseOf: "close") { seen.insert(.close) }
      if bytes.equals(option, anyCaseOf: "keep-alive") { seen.insert(.keepAlive) }
    }
  }
}

/// The two fields that say where the body ends. They are read more strictly than RFC 9112, section 6, asks for: an
/// ambiguous field is rejected.
extension HeadParser {
  mutating func readContentLength(
    _ value: ByteRange, in bytes: RawSpan, into head: inout RequestHead
  ) throws(Interruption) {
    if seen.contains(.transferEncoding) { throw .rejected(.twoLengths) }
    if seen.contains(.contentLength) { throw .rejected(.repeatedContentLength) }
    guard let length = bytes.decimalNumber(value) else { throw .rejected(.malformedContentLength) }
    seen.insert(.contentLength)
    head.body = .known(length)
  }

  mutating func readTransferEncoding(
    _ value: ByteRange, in bytes: RawSpan, into head: inout RequestHead
  ) throws(Interruption) {
    if seen.contains(.contentLength) { throw .rejected(.twoLengths) }
    if http1.minorVersion == 0 { throw .rejected(.transferEncodingInOldVersion) }
    var codings = ListElements(of: value)
    while let coding = codings.next(in: bytes) {
      if coding.isEmpty || head.body == .unknown { throw .rejected(.malformedTransferEncoding) }
      if !bytes.equals(coding, anyCaseOf: "chunked") { throw .rejected(.unknownTransferCoding) }
      head.body = .unknown
    }
    seen.insert(.transferEncoding)
  }
}

extension RawSpan {
  /// The number of the decimal digits in `range`; nil if there are none, if another byte is there, or from 2^63 on.
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

/// One whole header line: `field-name ":" OWS field-value OWS CRLF` (RFC 9112, section 5).
struct FieldLine {
  let field: HeaderField
  /// The offset after its line end.
  let end: Int

  private init(_ field: HeaderField, end: Int) {
    self.field = field
    self.end = end
  }

  /// Reads a usual line: a name of letters and hyphens, one space after the colon, and a value without whitespace
  /// around it. Nil for any other line, and for an incomplete one.
  @inline(__always)
  init?(usual bytes: RawSpan, at start: Int) {
    let nameEnd = bytes.firstPosition(from: start, where: ByteBlock.endsWord)
    let valueStart = nameEnd &+ 2
    guard nameEnd > start, bytes.has(Ascii.colon, Ascii.space, at: nameEnd) else { return nil }
    let valueEnd = bytes.firstPosition(from: valueStart, where: ByteBlock.endsText)
    guard valueEnd > valueStart, bytes.has(Ascii.carriageReturn, Ascii.lineFeed, at: valueEnd),
      bytes[octet: valueStart] > Ascii.space, bytes[octet: valueEnd &- 1] > Ascii.space
    else { return nil }
    field = HeaderField(
      name: ByteRange(from: start, to: nameEnd), value: ByteRange(from: valueStart, to: valueEnd))
    end = valueEnd &+ 2
  }

  /// Reads any line. Whitespace before it or before the colon, and folded lines, are rejected, because servers read
  /// them differently.
  init(_ bytes: RawSpan, at start: Int) throws(Interruption) {
    let nameEnd = bytes.endOfToken(from: start)
    let delimiter = try bytes.next(at: nameEnd)
    if delimiter != Ascii.colon || nameEnd == start {
      throw .rejected(Self.error(of: delimiter, isFirst: nameEnd == start))
    }
    var valueStart = nameEnd &+ 1
    while valueStart < bytes.byteCount && Ascii.isWhitespace(bytes[octet: valueStart]) { valueStart &+= 1 }
    let textEnd = bytes.firstPosition(from: valueStart, where: ByteBlock.endsText)
    end = try bytes.lineEnd(at: textEnd, otherwise: .invalidFieldValue)
    var valueEnd = textEnd
    while valueEnd > valueStart && Ascii.isWhitespace(bytes[octet: valueEnd &- 1]) { valueEnd &-= 1 }
    field = HeaderField(
      name: ByteRange(from: start, to: nameEnd), value: ByteRange(from: valueStart, to: valueEnd))
  }

  /// The error of a name that ends at this byte.
  static func error(of byte: UInt8, isFirst: Bool) -> HTTPParseError {
    switch byte {
    case Ascii.lineFeed: .bareLineFeed
    case Ascii.colon: .emptyFieldName
    case Ascii.space, Ascii.tab: isFirst ? .foldedField : .whitespaceBeforeColon
    case Ascii.carriageReturn: .missingColon
    default: .invalidFieldName
    }
  }
}
