/// A host with an optional port (RFC 3986, sections 3.2.2 and 3.2.3), without the user information that HTTP has no use
/// for.
struct Authority {
  let hasHost: Bool
  let hasPort: Bool

  /// Whether it names both, as `CONNECT` asks for.
  var isComplete: Bool { hasHost && hasPort }

  /// Nil if the bytes of `range` do not have this form. The host may be empty, as the `Host` field may be, and may end
  /// in a dot, as an absolute name does. No label before a dot may be empty. The port is at most 65535. In brackets
  /// only the alphabet of an address is checked; `IPvFuture` is not accepted.
  @inline(__always)
  init?(_ range: ByteRange, in bytes: RawSpan) {
    guard let hostEnd = Self.endOfHost(range, in: bytes) else { return nil }
    guard let hasPort = Self.hasPort(from: hostEnd, to: range.end, in: bytes) else { return nil }
    hasHost = hostEnd > range.start
    self.hasPort = hasPort
  }

  @inline(__always)
  private static func endOfHost(_ range: ByteRange, in bytes: RawSpan) -> Int? {
    var label = range.start
    while true {
      let end = min(bytes.firstPosition(from: label, where: ByteBlock.endsLabel), range.end)
      if end == range.end || bytes[octet: end] == Ascii.colon { return end }
      guard bytes[octet: end] == Ascii.dot else { return endOfUnusualHost(range, from: end, in: bytes) }
      if end == label { return nil }
      label = end &+ 1
    }
  }

  private static func endOfUnusualHost(_ range: ByteRange, from start: Int, in bytes: RawSpan) -> Int? {
    if start == range.start && bytes[octet: start] == Ascii.leftBracket { return endOfAddress(range, in: bytes) }
    var position = start
    var isLabelEmpty = start == range.start || bytes[octet: start - 1] == Ascii.dot
    while position < range.end {
      let byte = bytes[octet: position]
      let isDot: Bool
      if byte == Ascii.percent {
        guard hasEscape(at: position, to: range.end, in: bytes) else { return nil }
        isDot = bytes[octet: position + 1] == Ascii.two && bytes[octet: position + 2] | 0x20 == Ascii.lowerE
        position &+= 3
      } else if ByteClass.hostName.contains(byte) {
        isDot = byte == Ascii.dot
        position &+= 1
      } else {
        break
      }
      if isDot && isLabelEmpty { return nil }
      isLabelEmpty = isDot
    }
    return position
  }

  /// The place behind the bracket that closes an IPv6 address.
  private static func endOfAddress(_ range: ByteRange, in bytes: RawSpan) -> Int? {
    let start = range.start + 1
    var position = start
    while position < range.end && ByteClass.address.contains(bytes[octet: position]) { position += 1 }
    guard position > start, position < range.end, bytes[octet: position] == Ascii.rightBracket else { return nil }
    return position + 1
  }

  private static func hasEscape(at position: Int, to end: Int, in bytes: RawSpan) -> Bool {
    position + 2 < end && ByteClass.hexadecimal.contains(bytes[octet: position + 1])
      && ByteClass.hexadecimal.contains(bytes[octet: position + 2])
  }

  /// Whether a port follows the host; nil if something else does.
  @inline(__always)
  private static func hasPort(from start: Int, to end: Int, in bytes: RawSpan) -> Bool? {
    if start == end { return false }
    guard bytes[octet: start] == Ascii.colon else { return nil }
    var port = 0
    var position = start &+ 1
    while position < end {
      let digit = bytes[octet: position] &- Ascii.zero
      port = port &* 10 &+ Int(digit)
      if digit > 9 || port > 65535 { return nil }
      position &+= 1
    }
    return start &+ 1 < end
  }
}

/// A well-formed authority, kept for comparison: nearly all requests to a server name the same one.
struct HostCache: Sendable {
  /// The first and the last eight bytes, which may overlap.
  private var first: UInt64 = 0
  private var last: UInt64 = 0
  /// 0: none is known.
  private var length = 0

  /// None.
  init() {}

  /// That of `range`, if it has 8 to 16 bytes; else none.
  init(_ range: ByteRange, in bytes: RawSpan) {
    guard 8...16 ~= range.length else { return }
    first = bytes.word(at: range.start)
    last = bytes.word(at: range.end &- 8)
    length = Int(range.length)
  }

  /// Whether the bytes of `range` are the same, in the same case.
  @inline(__always)
  func equals(_ range: ByteRange, in bytes: RawSpan) -> Bool {
    Int(range.length) == length && length > 0 && bytes.word(at: range.start) == first
      && bytes.word(at: range.end &- 8) == last
  }
}
