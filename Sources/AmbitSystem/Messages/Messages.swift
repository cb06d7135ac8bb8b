internal import CLinux
internal import Glibc
internal import Synchronization

/// Encodes a message for another process: integers as eight bytes, little-endian; strings of bytes after their length.
package struct WireWriter {
  package private(set) var bytes: [UInt8] = []

  package init() {}

  package mutating func put(_ number: UInt64) {
    for shift in stride(from: UInt64(0), to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
  }

  package mutating func put(_ text: String) { put(Array(text.utf8)) }

  package mutating func put(_ run: [UInt8]) {
    put(UInt64(run.count))
    bytes += run
  }

  package mutating func put<Element>(_ list: [Element], _ putOne: (Element, inout WireWriter) -> Void) {
    put(UInt64(list.count))
    for element in list { putOne(element, &self) }
  }
}

/// The bytes are not a message. The sender was not the host's own code.
package struct MalformedMessageError: Error {
  package init() {}
}

/// Decodes a message, and trusts nothing in it.
package struct WireReader {
  private let bytes: ArraySlice<UInt8>
  private var place: Int

  package init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    place = bytes.startIndex
  }

  package mutating func number() throws(MalformedMessageError) -> UInt64 {
    try take(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  package mutating func text() throws(MalformedMessageError) -> String { String(decoding: try run(), as: UTF8.self) }

  package mutating func run() throws(MalformedMessageError) -> ArraySlice<UInt8> {
    guard let count = Int(exactly: try number()) else { throw MalformedMessageError() }
    return try take(count)
  }

  package mutating func list<Element>(
    _ one: (inout WireReader) throws(MalformedMessageError) -> Element
  ) throws(MalformedMessageError) -> [Element] {
    let count = try number()
    // Each element takes at least a byte, so a wild count cannot lead to a long loop.
    guard count <= UInt64(bytes.endIndex - place) else { throw MalformedMessageError() }
    var elements: [Element] = []
    for _ in 0..<count { elements.append(try one(&self)) }
    return elements
  }

  private mutating func take(_ count: Int) throws(MalformedMessageError) -> ArraySlice<UInt8> {
    guard count >= 0, count <= bytes.endIndex - place else { throw MalformedMessageError() }
    defer { place += count }
    return bytes[place..<place + count]
  }
}

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

/// Splits the output of a process into lines.
package struct LineStream {
  /// A longer line is split into several, so that endless output without a line feed does not take endless memory.
  static let longestLine = 8192

  private var unfinished: [UInt8] = []

  package init() {}

  /// Takes more output, and returns the lines that are complete now.
  package mutating func append(_ piece: some Sequence<UInt8>) -> [String] {
    var lines: [String] = []
    for byte in piece {
      if byte != UInt8(ascii: "\n") { unfinished.append(byte) }
      if byte == UInt8(ascii: "\n") || unfinished.count == Self.longestLine {
        lines.append(String(decoding: unfinished, as: UTF8.self))
        unfinished.removeAll(keepingCapacity: true)
      }
    }
    return lines
  }

  /// Takes out the text after the last line feed; nil if there is none. For the end of the output.
  package mutating func rest() -> String? {
    defer { unfinished = [] }
    return unfinished.isEmpty ? nil : String(decoding: unfinished, as: UTF8.self)
  }
}

/// A connection to another process of the host that carries messages in both directions, seen from a process whose
/// threads may block. `MessageStream` is for a process that must not wait for its peer.
package final class MessageConnection: Sendable {
  private let descriptor: Int32
  private let sending = Mutex<Void>(())

  /// - Parameter descriptor: a stream socket that this process has inherited. The connection owns it from now on, and
  ///   programs that this process starts do not inherit it.
  package init(inherited descriptor: Int32) {
    self.descriptor = clinux_own(descriptor)
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
  }

  deinit { clinux_close(descriptor) }

  /// Sends a whole message; drops it if the peer is gone. From any thread; blocks until the connection has room.
  package func send(_ message: [UInt8]) {
    let bytes = MessageStream.framed(message)
    sending.withLock { _ in
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = unsafe rest.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress!, $0.count) }
        guard count > 0 || errno == EINTR else { return }
        rest = rest.dropFirst(max(count, 0))
      }
    }
  }

  /// Waits for the next message; nil if the peer has closed the connection. For one thread.
  package func receive() -> [UInt8]? {
    guard let head = read(8) else { return nil }
    var reader = WireReader(head[...])
    guard let length = try? reader.number() else { return nil }
    return read(Int(clamping: length))
  }

  private func read(_ count: Int) -> [UInt8]? {
    var bytes: [UInt8] = []
    while bytes.count < count {
      var piece = [UInt8](repeating: 0, count: min(count - bytes.count, 1 << 20))
      let received = unsafe Glibc.read(descriptor, &piece, piece.count)
      guard received > 0 || errno == EINTR else { return nil }
      bytes += piece[..<max(received, 0)]
    }
    return bytes
  }
}
