import AmbitRuntime

/// Cuts a stream of bytes into messages, each behind its length in eight bytes.
struct MessageStream {
  /// No message is longer; a longer one comes from code that is not the host's.
  private static let limit = HandedOverState.limit + (1 << 20)

  private var bytes: [UInt8] = []

  mutating func append(_ piece: some Sequence<UInt8>) { bytes += piece }

  /// The next whole message, nil if its end has not come yet.
  mutating func next() throws(MalformedMessage) -> [UInt8]? {
    guard bytes.count >= 8 else { return nil }
    var reader = WireReader(bytes[..<8])
    let length = try reader.number()
    guard length <= UInt64(Self.limit) else { throw MalformedMessage() }
    guard bytes.count >= 8 + Int(length) else { return nil }
    let message = Array(bytes[8..<8 + Int(length)])
    bytes.removeFirst(8 + Int(length))
    return message
  }

  /// `message` as it stands in a stream.
  static func framed(_ message: [UInt8]) -> [UInt8] {
    var writer = WireWriter()
    writer.put(message)
    return writer.bytes
  }
}
