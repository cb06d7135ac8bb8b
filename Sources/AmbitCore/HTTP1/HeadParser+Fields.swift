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
  /// Reads one header line; false for the blank line that ends the head.
  @inline(__always)
  mutating func readFieldLine(
    _ bytes: RawSpan, into head: inout RequestHead, fields: inout MutableSpan<HeaderField>
  ) throws(Interruption) -> Bool {
    if try bytes.next(at: position) == Ascii.carriageReturn {
      position = try bytes.lineEnd(at: position, otherwise: .bareCarriageReturn)
      return false
    }
    if head.fieldCount >= min(limits.maxFields, fields.count) { throw .rejected(.tooManyFields) }
    let line = try FieldLine(bytes, at: position)
    try interpret(line.field, in: bytes, into: &head)
    fields[head.fieldCount] = line.field
    head.fieldCount &+= 1
    position = line.end
    return true
  }

  /// Picks out the fields that decide about the connection. The length tells most others apart at once.
  @inline(__always)
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
    if Authority(value, in: bytes) == nil { throw .rejected(.invalidHost) }
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
