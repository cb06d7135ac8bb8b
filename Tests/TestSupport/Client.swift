import Foundation
import Glibc

/// One connection to a server, on which a test decides about each byte. Calls block the thread. Responses are read
/// strictly: bytes that the framing does not announce stay unread and show up in the next response.
///
/// At most one thread reads at a time; another may send meanwhile.
package final class Client: @unchecked Sendable {
  package let descriptor: Int32
  private var unread: [UInt8] = []
  private var start = 0
  private var isOpen = true
  /// Called before each wait for bytes from the server.
  package var beforeReceiving: () -> Void = {}

  /// Connects to 127.0.0.1.
  /// - Parameters:
  ///   - receiveBuffer: asks for a small socket buffer, so that a slow reader is felt soon.
  ///   - timeout: how long a call waits; nil: for ever.
  package init(port: UInt16, receiveBuffer: Int32? = nil, timeout: Duration? = .seconds(60)) throws {
    descriptor = try Self.connect(port: port, receiveBuffer: receiveBuffer)
    setTimeout(timeout)
  }

  /// Connects to a Unix socket.
  package init(path: String, timeout: Duration? = .seconds(60)) throws {
    descriptor = try Self.connect(path: path)
    setTimeout(timeout)
  }

  deinit { close() }

  private func setTimeout(_ timeout: Duration?) {
    guard let timeout else { return }
    let (seconds, attoseconds) = timeout.components
    var limit = timeval(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }

  private static func connect(port: UInt16, receiveBuffer: Int32?) throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    if var size = receiveBuffer { setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, 4) }
    var yes: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, 4)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return try connect(descriptor, to: address)
  }

  private static func connect(path: String) throws -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    return try connect(socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0), to: address)
  }

  private static func connect<Address>(_ descriptor: Int32, to address: Address) throws -> Int32 {
    let result = withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<Address>.size))
      }
    }
    guard result == 0 else {
      let code = errno
      Glibc.close(descriptor)
      throw ClientError(description: "connect: \(String(cString: strerror(code)))")
    }
    return descriptor
  }

  /// The port at this end.
  package var port: UInt16 {
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) {
      _ = $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    return UInt16(bigEndian: address.sin_port)
  }

  // MARK: Ends

  /// Closes the socket; bytes not yet received make this a reset.
  package func close() {
    if isOpen { Glibc.close(descriptor) }
    isOpen = false
  }

  /// Closes with a reset.
  package func reset() {
    var now = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
    close()
  }

  /// Says that nothing more will be sent, and goes on reading.
  package func halfClose() { shutdown(descriptor, Int32(SHUT_WR)) }

  // MARK: Bytes

  package func send(_ text: String) throws { try send(Array(text.utf8)) }

  package func send(_ bytes: [UInt8]) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard count > 0 else { throw ClientError(description: "send: \(String(cString: strerror(errno)))") }
      rest = rest.dropFirst(count)
    }
  }

  /// Sends what the server takes now, and tells how much that was.
  package func sendWithoutWaiting(_ bytes: ArraySlice<UInt8>) -> Int {
    bytes.withUnsafeBytes {
      max(Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT)), 0)
    }
  }

  /// Waits until the kernel has all that was sent at the other end: on a busy machine it may be under way for a while.
  package func waitForDelivery() {
    var waiting: Int32 = 1
    while ioctl(descriptor, UInt(TIOCOUTQ), &waiting) == 0, waiting > 0 { usleep(200) }
  }

  /// Waits until bytes have come, or the end, or, if `orWritable`, until there is room to send.
  package func waitForProgress(orWritable: Bool) {
    var poll = pollfd(fd: descriptor, events: Int16(orWritable ? POLLIN | POLLOUT : POLLIN), revents: 0)
    _ = Glibc.poll(&poll, 1, 60_000)
  }

  /// Whether bytes, or the end, are there now.
  package var isReadable: Bool {
    var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return Glibc.poll(&poll, 1, 0) > 0
  }

  // MARK: Responses

  /// Reads one response, an interim one included.
  /// - Parameter toHead: it answers a HEAD request and has no body.
  package func reply(toHead: Bool = false) throws -> ReceivedResponse {
    var response = try head()
    if toHead || response.status < 200 || response.status == 204 || response.status == 304 { return response }
    if response["transfer-encoding"] == "chunked" {
      response.body = try chunks()
    } else if let length = response["content-length"].flatMap(Int.init) {
      response.body = try take(length)
    } else {
      response.body = rest()
    }
    return response
  }

  /// Reads a response's head and leaves its body.
  package func head() throws -> ReceivedResponse {
    var lines: [String] = []
    while true {
      let line = try line("reading a head")
      if line.isEmpty { return try ReceivedResponse(lines) }
      lines.append(line)
    }
  }

  private func chunks() throws -> [UInt8] {
    var body: [UInt8] = []
    while true {
      let size = try line("reading the size of a chunk")
      guard let count = Int(size, radix: 16) else { throw ClientError(description: "chunk size \"\(size)\"") }
      body += try take(count)
      guard try line("reading the end of a chunk").isEmpty else {
        throw ClientError(description: "no CR LF behind a chunk of \(count) bytes")
      }
      if count == 0 { return body }
    }
  }

  /// Takes `count` bytes as they come.
  package func take(_ count: Int) throws -> [UInt8] {
    while unread.count - start < count { try receiveMore("reading \(count) bytes") }
    defer { start += count }
    return Array(unread[start..<start + count])
  }

  private func line(_ activity: String) throws -> String {
    var searched = start
    while true {
      if let end = unread[searched...].firstIndex(of: UInt8(ascii: "\n")) {
        guard end > start, unread[end - 1] == UInt8(ascii: "\r") else {
          throw ClientError(description: "a line that does not end in CR LF")
        }
        defer { start = end + 1 }
        return String(decoding: unread[start..<end - 1], as: UTF8.self)
      }
      searched = unread.count
      let shift = start
      try receiveMore(activity)
      searched -= shift - start
    }
  }

  /// Reads until the server closes, and hands over what came; a reset is an end like any other.
  package func rest() -> [UInt8] {
    while (try? receiveMore("reading to the end")) != nil {}
    defer { start = unread.count }
    return Array(unread[start...])
  }

  /// Whether bytes are there, or come before the timeout; false at the end of the stream.
  package var hasMore: Bool {
    if start < unread.count { return true }
    return (try? receiveMore("waiting for more")) != nil
  }

  /// Appends what arrives next. The pieces are small, so that the reader stays slower than any writer.
  private func receiveMore(_ activity: String) throws {
    if start > 1 << 20 {
      unread.removeFirst(start)
      start = 0
    }
    beforeReceiving()
    let count = try withUnsafeTemporaryAllocation(byteCount: 16384, alignment: 16) { piece in
      let count = recv(descriptor, piece.baseAddress, piece.count, 0)
      guard count >= 0 else {
        throw ClientError(description: "recv while \(activity): \(String(cString: strerror(errno)))")
      }
      unread += UnsafeRawBufferPointer(rebasing: piece[..<count])
      return count
    }
    if count == 0 {
      let received = String(decoding: unread[start...].prefix(200), as: UTF8.self)
      throw ClientError(description: "the server closed the connection while \(activity), after \"\(received)\"")
    }
  }
}

/// A response as a client has read it, its body complete and freed of its framing.
package struct ReceivedResponse: Equatable, Sendable {
  /// As in `HTTP/1.1`.
  package let version: String
  package let status: Int
  package let reason: String
  /// In the order in which they came.
  package let headers: [Header]
  package var body: [UInt8] = []

  package struct Header: Equatable, Sendable {
    /// As the server wrote it.
    package let name: String
    package let value: String
  }

  /// Reads status line and header fields.
  fileprivate init(_ lines: [String]) throws {
    let start = (lines.first ?? "").split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
    guard start.count == 3, start[0].hasPrefix("HTTP/1."), start[1].count == 3, let status = Int(start[1]) else {
      throw ClientError(description: "no status line: \"\(lines.first ?? "")\"")
    }
    (version, self.status, reason) = (String(start[0]), status, String(start[2]))
    headers = try lines.dropFirst().map { line in
      let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].contains(" ") else {
        throw ClientError(description: "no header field: \"\(line)\"")
      }
      return Header(name: String(parts[0]), value: String(parts[1].drop { $0 == " " }))
    }
  }

  /// The value of the first header field called `name`, in any case.
  package subscript(_ name: String) -> String? {
    headers.first { $0.name.lowercased() == name.lowercased() }?.value
  }

  /// The body as text.
  package var text: String { String(decoding: body, as: UTF8.self) }
}

/// A connection failed, or the bytes on it are no HTTP/1.1 response.
package struct ClientError: Error, CustomStringConvertible {
  package let description: String

  package init(description: String) { self.description = description }
}
