/// Builds the bytes of a message: integers of eight bytes, little-endian, and runs of bytes behind their length.
struct WireWriter {
  private(set) var bytes: [UInt8] = []

  mutating func put(_ number: UInt64) {
    for shift in stride(from: UInt64(0), to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
  }

  mutating func put(_ text: String) { put(Array(text.utf8)) }

  mutating func put(_ run: [UInt8]) {
    put(UInt64(run.count))
    bytes += run
  }

  mutating func put<Element>(_ list: [Element], _ putOne: (Element, inout WireWriter) -> Void) {
    put(UInt64(list.count))
    for element in list { putOne(element, &self) }
  }
}

/// Bytes that are no message: who sent them was not the host's own code.
struct MalformedMessage: Error {}

/// Takes a message apart, and believes nothing of it.
struct WireReader {
  private let bytes: ArraySlice<UInt8>
  private var place: Int

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    place = bytes.startIndex
  }

  mutating func number() throws(MalformedMessage) -> UInt64 {
    try take(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  mutating func text() throws(MalformedMessage) -> String { String(decoding: try run(), as: UTF8.self) }

  mutating func run() throws(MalformedMessage) -> ArraySlice<UInt8> {
    guard let count = Int(exactly: try number()) else { throw MalformedMessage() }
    return try take(count)
  }

  mutating func list<Element>(
    _ one: (inout WireReader) throws(MalformedMessage) -> Element
  ) throws(MalformedMessage) -> [Element] {
    let count = try number()
    // No element takes less than a byte: a wild count does not lead to a long loop.
    guard count <= UInt64(bytes.endIndex - place) else { throw MalformedMessage() }
    var elements: [Element] = []
    for _ in 0..<count { elements.append(try one(&self)) }
    return elements
  }

  private mutating func take(_ count: Int) throws(MalformedMessage) -> ArraySlice<UInt8> {
    guard count >= 0, count <= bytes.endIndex - place else { throw MalformedMessage() }
    defer { place += count }
    return bytes[place..<place + count]
  }
}
