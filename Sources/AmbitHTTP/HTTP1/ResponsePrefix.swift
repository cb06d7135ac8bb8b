internal import AmbitCore
internal import AmbitRuntime
internal import AmbitSystem
internal import Glibc

/// The first lines of every response: the status line of 200, `Server` and `Date`. They are made once a second and
/// copied into each response.
struct ResponsePrefix {
  private static var statusLine: StaticString { "HTTP/1.1 200 OK\r\n" }
  /// The room that a writer needs, although fewer bytes may count.
  static var capacity: Int { 128 }

  private let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.capacity, alignment: 16)
  private var length = 0
  /// When the date changes, monotonic nanoseconds.
  private var due = Int64.min

  /// Writes the status line and the fields, at `now` (monotonic, nanoseconds).
  @inline(__always)
  mutating func write(to writer: inout ByteWriter, now: Int64) {
    if now >= due { renew(now: now) }
    writer.write(firstOf: memory.baseAddress!, within: Self.capacity, count: length)
  }

  /// Writes the fields alone.
  mutating func writeFields(to writer: inout ByteWriter, now: Int64) {
    if now >= due { renew(now: now) }
    writer.write(UnsafeRawBufferPointer(rebasing: memory[Self.statusLine.utf8CodeUnitCount..<length]))
  }

  private mutating func renew(now: Int64) {
    let wall = Clock.wall
    due = now + 1_000_000_000 - wall % 1_000_000_000
    length = 0
    append(.literal(Self.statusLine))
    append(.literal("Server: ambit/"))
    append(.literal(AmbitVersion.text))
    append(.literal("\r\nDate: "))
    let date = HTTPDate(unixSeconds: wall / 1_000_000_000)
    for index in date.bytes.indices { memory[length + index] = date.bytes[index] }
    length += date.bytes.count
    append(.literal("\r\n"))
  }

  private mutating func append(_ bytes: UnsafeRawBufferPointer) {
    memcpy(memory.baseAddress! + length, bytes.baseAddress!, bytes.count)
    length += bytes.count
  }
}
