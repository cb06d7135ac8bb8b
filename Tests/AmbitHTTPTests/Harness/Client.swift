import AmbitCore
import Glibc

/// One connection to a server, on which a test decides about each byte. Calls wait, at most ten seconds.
final class Client {
  let descriptor: Int32
  private var unread: [UInt8] = []
  private var start = 0
  private var isOpen = true
  /// Called before each wait for bytes from the server.
  var beforeReceiving: () -> Void = {}

  /// - Parameter receiveBuffer: asks for a small socket buffer, so that a slow reader is felt soon.
  init(_ server: TestServer, receiveBuffer: Int32? = nil) throws {
    switch server.address {
    case .internet(_, let port): descriptor = try Self.connect(port: port, receiveBuffer: receiveBuffer)
    case .unix(let path): descriptor = try Self.connect(path: path)
    case .any: throw ClientError(description: "no address to connect to")
    }
    var limit = timeval(tv_sec: 10, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit { close() }

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
  var port: UInt16 {
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) {
      _ = $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    return UInt16(bigEndian: address.sin_port)
  }

  // MARK: Ends

  /// Closes the socket; bytes not yet received make this a reset.
  func close() {
    if isOpen { Glibc.close(descriptor) }
    isOpen = false
  }

  /// Closes with a reset.
  func reset() {
    var now = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
    close()
  }

  /// Says that nothing more will be sent, and goes on reading.
  func halfClose() { shutdown(descriptor, Int32(SHUT_WR)) }

  // MARK: Bytes

  func send(_ text: String) throws { try send(Array(text.utf8)) }

  func send(_ bytes: [UInt8]) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard count > 0 else { throw ClientError(description: "send: \(String(cString: strerror(errno)))") }
      rest = rest.dropFirst(count)
    }
  }

  /// Sends what the server takes now, and tells how much that was.
  func sendWithoutWaiting(_ bytes: ArraySlice<UInt8>) -> Int {
    bytes.withUnsafeBytes {
      max(Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT)), 0)
    }
  }

  /// Waits until bytes have come, or the end, or, if `orWritable`, until there is room to send.
  func waitForProgress(orWritable: Bool) {
    var poll = pollfd(fd: descriptor, events: Int16(orWritable ? POLLIN | POLLOUT : POLLIN), revents: 0)
    _ = Glibc.poll(&poll, 1, 10_000)
  }

  /// Whether bytes, or the end, are there now.
  var isReadable: Bool {
    var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return Glibc.poll(&poll, 1, 0) > 0
  }

  // MARK: Replies

  /// Reads one response, an interim one included. `toHead`: it answers a HEAD request and has no body.
  func reply(toHead: Bool = false) throws -> Reply {
    var reply = try head()
    if toHead || reply.status < 200 || reply.status == 204 || reply.status == 304 { return reply }
    if reply["transfer-encoding"] == "chunked" {
      reply.body = try chunks()
    } else if let length = reply["content-length"].flatMap(Int.init) {
      reply.body = try take(length)
    } else {
      reply.body = rest()
    }
    return reply
  }

  /// Reads a response's head and leaves its body.
  func head() throws -> Reply {
    var lines: [String] = []
    while true {
      let line = try line()
      if line.isEmpty { return try Reply(lines) }
      lines.append(line)
    }
  }

  private func chunks() throws -> [UInt8] {
    var body: [UInt8] = []
    while true {
      let size = try line()
      guard let count = Int(size, radix: 16) else { throw ClientError(description: "chunk size \"\(size)\"") }
      body += try take(count)
      guard try line().isEmpty else { throw ClientError(description: "no CR LF behind a chunk") }
      if count == 0 { return body }
    }
  }

  /// Takes `count` bytes as they come.
  func take(_ count: Int) throws -> [UInt8] {
    while unread.count - start < count { try receiveMore() }
    defer { start += count }
    return Array(unread[start..<start + count])
  }

  private func line() throws -> String {
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
      try receiveMore()
      searched -= shift - start
    }
  }

  /// Reads until the server closes, and hands over what came; a reset is an end like any other.
  func rest() -> [UInt8] {
    while (try? receiveMore()) != nil {}
    defer { start = unread.count }
    return Array(unread[start...])
  }

  /// Whether bytes are there, or come within ten seconds; false at the end of the stream.
  var hasMore: Bool {
    if start < unread.count { return true }
    return (try? receiveMore()) != nil
  }

  private func receiveMore() throws {
    if start > 1 << 20 {
      unread.removeFirst(start)
      start = 0
    }
    beforeReceiving()
    let count = try withUnsafeTemporaryAllocation(byteCount: 16384, alignment: 16) { piece in
      let count = recv(descriptor, piece.baseAddress, piece.count, 0)
      guard count >= 0 else { throw ClientError(description: "recv: \(String(cString: strerror(errno)))") }
      unread += UnsafeRawBufferPointer(rebasing: piece[..<count])
      return count
    }
    if count == 0 { throw ClientError(description: "the server has closed the connection") }
  }
}

struct ClientError: Error, CustomStringConvertible {
  let description: String
}
