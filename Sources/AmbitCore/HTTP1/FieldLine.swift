/// One whole header line: `field-name ":" OWS field-value OWS CRLF` (RFC 9112, section 5).
struct FieldLine {
  let field: HeaderField
  /// The place behind its line end.
  let end: Int

  private init(_ field: HeaderField, end: Int) {
    self.field = field
    self.end = end
  }

  /// Reads a line as nearly all are: a name of letters and hyphens, one space behind the colon, and a value with no
  /// whitespace around it. Nil for any other, and for one that is not whole.
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

  /// Reads any line. Whitespace before it or before the colon, and folded lines, are rejected: servers have disagreed
  /// about all of them.
  init(_ bytes: RawSpan, at start: Int) throws(Interruption) {
    let nameEnd = bytes.endOfToken(from: start)
    let delimiter = try bytes.next(at: nameEnd)
    if delimiter != Ascii.colon || nameEnd == start {
      throw .rejected(Self.rejection(of: delimiter, isFirst: nameEnd == start))
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

  /// What is wrong with a name that ends at this byte.
  static func rejection(of byte: UInt8, isFirst: Bool) -> Rejection {
    switch byte {
    case Ascii.lineFeed: .bareLineFeed
    case Ascii.colon: .emptyFieldName
    case Ascii.space, Ascii.tab: isFirst ? .foldedField : .whitespaceBeforeColon
    default: .invalidFieldName
    }
  }
}
