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

  /// Reads lines as long as they are usual ones that say nothing about the connection, as most do. Returns the usual one
  /// that may say something; nil if the next line, or what there is of it, is no usual one. Nothing is called in this
  /// loop: what it needs stays in registers.
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

  /// Reads any line but the blank one, which has to be the next if it `isLast`: there is no room for more fields.
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
    if !knownAuthority.equals(value, in: bytes) {
      if Authority(value, in: bytes) == nil { throw .rejected(.invalidHost) }
      knownAuthority = KnownAuthority(value, in: bytes)
    }
    if head.authority == nil { head.authority = value }
    seen.insert(.host)
  }

  /// RFC 9110, section 10.1.1. An expectation in HTTP/1.0 is ignored, as that section asks.
  private func readExpect(
    _ value: ByteRange, in bytes: RawSpan, into head: inout RequestHead
  ) throws(Interruption) {
    if head.minorVersion == 0 { return }
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
