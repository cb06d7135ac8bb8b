/// A host with an optional port (RFC 3986, sections 3.2.2 and 3.2.3), without the user information that HTTP has no use
/// for.
struct Authority {
  let hasHost: Bool
  let hasPort: Bool

  /// Whether it names both, as `CONNECT` asks for.
  var isComplete: Bool { hasHost && hasPort }

  /// Nil if the bytes are not of this form. An empty host is, as the `Host` field may be empty. The port is at most
  /// 65535. Of the addresses in brackets only the alphabet is checked; `IPvFuture` is not accepted.
  init?(_ bytes: RawSpan) {
    guard let hostEnd = Self.endOfHost(bytes), let hasPort = Self.hasPort(bytes, from: hostEnd) else { return nil }
    hasHost = hostEnd > 0
    self.hasPort = hasPort
  }

  private static func endOfHost(_ bytes: RawSpan) -> Int? {
    if bytes.byteCount > 0 && bytes[octet: 0] == Ascii.leftBracket { return endOfAddress(bytes) }
    var position = 0
    while position < bytes.byteCount {
      let byte = bytes[octet: position]
      if byte == Ascii.percent {
        guard hasEscape(bytes, at: position) else { return nil }
        position &+= 3
      } else if ByteClass.hostName.contains(byte) {
        position &+= 1
      } else {
        break
      }
    }
    return position
  }

  /// The place behind the bracket that closes an IPv6 address.
  private static func endOfAddress(_ bytes: RawSpan) -> Int? {
    var position = 1
    while position < bytes.byteCount && ByteClass.address.contains(bytes[octet: position]) { position += 1 }
    guard position > 1, position < bytes.byteCount, bytes[octet: position] == Ascii.rightBracket else { return nil }
    return position + 1
  }

  private static func hasEscape(_ bytes: RawSpan, at position: Int) -> Bool {
    position + 2 < bytes.byteCount && ByteClass.hexadecimal.contains(bytes[octet: position + 1])
      && ByteClass.hexadecimal.contains(bytes[octet: position + 2])
  }

  /// Whether a port follows the host; nil if something else does.
  private static func hasPort(_ bytes: RawSpan, from start: Int) -> Bool? {
    if start == bytes.byteCount { return false }
    guard bytes[octet: start] == Ascii.colon else { return nil }
    var port = 0
    for position in (start &+ 1)..<bytes.byteCount {
      let byte = bytes[octet: position]
      guard ByteClass.digit.contains(byte) else { return nil }
      port = port &* 10 &+ Int(byte &- Ascii.zero)
      if port > 65535 { return nil }
    }
    return start &+ 1 < bytes.byteCount
  }
}
