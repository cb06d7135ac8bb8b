/// Splits a stream of bytes into messages, each after its length in eight bytes.
package struct MessageStream {
  private let limit: Int
  private var bytes: [UInt8] = []

  /// - Parameter limit: most bytes of a message. A longer one comes from code that is not the host's.
  package init(limit: Int) { self.limit = limit }

  /// Takes received bytes.
  package mutating func append(_ piece: some Sequence<UInt8>) { bytes += piece }

  /// Takes out the next whole message; nil if its end has not been received yet.
  /// - Throws: if its length is beyond the limit.
  package mutating func next() throws(MalformedMessageError) -> [UInt8]? {
    guard bytes.count >= 8 else { return nil }
    var reader = WireReader(bytes[..<8])
    let length = try reader.number()
    guard length <= UInt64(limit) else { throw MalformedMessageError() }
    guard bytes.count >= 8 + Int(length) else { return nil }
    let message = Array(bytes[8..<8 + Int(length)])
    bytes.removeFirst(8 + Int(length))
    return message
  }

  /// The bytes of `message` in a stream, with its length.
  package static func framed(_ message: [UInt8]) -> [UInt8] {
    var writer = WireWriter()
    writer.put(message)
    return writer.bytes
  }
}
