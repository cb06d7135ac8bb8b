/// Encodes a message for another process: numbers as eight bytes, little-endian; texts and runs of bytes after their
/// length.
struct WireWriter {
  private(set) var bytes: [UInt8] = []

  mutating func put(byte: UInt8) { bytes.append(byte) }

  mutating func put(_ number: UInt64) {
    for shift in stride(from: UInt64(0), to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
  }

  mutating func put(_ text: String) {
    put(UInt64(text.utf8.count))
    bytes += text.utf8
  }

  mutating func put(_ run: [UInt8]) {
    put(UInt64(run.count))
    bytes += run
  }

  /// Writes a number over the one at a place.
  mutating func replace(at place: Int, by number: UInt64) {
    for index in 0..<8 { bytes[place + index] = UInt8(truncatingIfNeeded: number >> UInt64(index * 8)) }
  }
}

/// The bytes are not a message. The sender was not the host's own code.
package struct MalformedMessageError: Error {
  package init() {}
}

/// Decodes a message, and trusts nothing in it.
struct WireReader {
  private let bytes: ArraySlice<UInt8>
  private var place: Int

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    place = bytes.startIndex
  }

  var isAtEnd: Bool { place == bytes.endIndex }

  /// A byte that is 0 or 1.
  mutating func flag() throws(MalformedMessageError) -> Bool {
    let byte = try take(1).first!
    guard byte <= 1 else { throw MalformedMessageError() }
    return byte == 1
  }

  mutating func number() throws(MalformedMessageError) -> UInt64 {
    try take(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// The count of a list. Each element takes at least a byte, so a wild count cannot lead to a long loop.
  mutating func count() throws(MalformedMessageError) -> Int {
    let count = try number()
    guard count <= UInt64(bytes.endIndex - place) else { throw MalformedMessageError() }
    return Int(count)
  }

  mutating func text() throws(MalformedMessageError) -> String { String(decoding: try run(), as: UTF8.self) }

  mutating func run() throws(MalformedMessageError) -> ArraySlice<UInt8> { try take(try count()) }

  private mutating func take(_ count: Int) throws(MalformedMessageError) -> ArraySlice<UInt8> {
    guard count <= bytes.endIndex - place else { throw MalformedMessageError() }
    defer { place += count }
    return bytes[place..<place + count]
  }
}
