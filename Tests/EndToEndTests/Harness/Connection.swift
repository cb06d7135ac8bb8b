import Glibc
import Synchronization

/// One TCP connection on which a test decides about each byte. Responses are read strictly: what the framing does not
/// announce stays unread and shows up in the next response.
final class Connection: Sendable {
  private let descriptor: Int32
  private let unread = Mutex<[UInt8]>([])
  private let isOpen = Mutex(true)

  /// Connects to 127.0.0.1. `receiveBuffer` asks for a small socket buffer, so that a slow reader is felt soon.
  init(port: UInt16, receiveBuffer: Int32? = nil) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw HarnessError.system(call: "socket", code: errno) }
    if var size = receiveBuffer { setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, 4) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else { throw HarnessError.system(call: "connect", code: errno) }
  }

  deinit { close() }

  /// Closes the socket; bytes not yet read make this a reset.
  func close() {
    let wasOpen = isOpen.withLock { isOpen in
      defer { isOpen = false }
      return isOpen
    }
    if wasOpen { Glibc.close(descriptor) }
  }

  /// Closes with a reset, whatever is unread.
  func reset() {
    var now = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
    close()
  }

  /// Says that nothing more will be sent, and goes on reading.
  func halfClose() {
    shutdown(descriptor, Int32(SHUT_WR))
  }

  /// Sends all of `bytes`.
  func send(_ bytes: [UInt8]) async throws {
    try await onOwnThread { [self] in
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        guard count > 0 else { throw HarnessError.system(call: "send", code: errno) }
        rest.removeFirst(count)
      }
    }
  }

  func send(_ text: String) async throws { try await send(Array(text.utf8)) }

  /// Reads one response, an interim one included. `toHead`: it answers a HEAD request and has no body.
  func response(toHead: Bool = false) async throws -> Response {
    try await reading { try $0.response(hasBody: !toHead) }
  }

  /// Reads a response's head and leaves its body.
  func head() async throws -> Response {
    try await reading { try $0.head() }
  }

  /// Reads `count` bytes as they come.
  func bytes(_ count: Int) async throws -> [UInt8] {
    try await reading { try $0.bytes(count, while: "reading \(count) bytes") }
  }

  /// Reads until the peer closes, and hands over what came; a reset is an end like any other.
  func rest() async throws -> [UInt8] {
    try await onOwnThread { [self] in
      unread.withLock { unread in
        while let more = try? receive(into: &unread), more {}
        defer { unread = [] }
        return unread
      }
    }
  }

  private func reading<Value: Sendable>(
    _ body: @escaping @Sendable (inout ResponseReader) throws -> Value
  ) async throws -> Value {
    try await onOwnThread { [self] in
      try unread.withLock { unread in
        var reader = ResponseReader(unread: unread) { try self.receive(into: &$0) }
        defer { unread = reader.unread }
        return try body(&reader)
      }
    }
  }

  /// Appends what arrives next; false at the end. Small pieces, so that the reader stays slower than any writer.
  private func receive(into buffer: inout [UInt8]) throws -> Bool {
    var piece = [UInt8](repeating: 0, count: 16_384)
    let count = recv(descriptor, &piece, piece.count, 0)
    guard count >= 0 else { throw HarnessError.system(call: "recv", code: errno) }
    buffer += piece[..<count]
    return count > 0
  }
}
