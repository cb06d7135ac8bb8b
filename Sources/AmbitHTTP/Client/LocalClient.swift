internal import AmbitCore
package import AmbitRuntime
internal import Glibc

/// A client for one request to a host of this machine, over its local socket.
package enum LocalClient {
  /// A response, whole.
  package struct Reply: Sendable {
    package let status: Int
    package let body: String
  }

  /// Sends a request without a body and reads the response to its end. Blocks for as long as the host takes.
  /// - Throws: what the system says, ECONNRESET if the host ended before its response did, or EFBIG if the response does
  ///   not end.
  package static func send(_ method: String, _ target: String, accept: String, to path: String) throws(SystemError)
    -> Reply
  {
    var address = SocketAddress(.unix(path: path))
    let descriptor = try SystemError.check("socket", socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0))
    defer { close(descriptor) }
    try SystemError.check("connect", address.withPointer { connect(descriptor, $0, $1.pointee) })
    let request = """
      \(method) \(target) HTTP/1.1\r
      Host: ambit\r
      Accept: \(accept)\r
      Content-Length: 0\r
      Connection: close\r
      \r

      """
    try write(request, to: descriptor)
    guard let reply = Reply(try readAll(from: descriptor)) else {
      throw SystemError(operation: "the host's response was cut short", code: ECONNRESET)
    }
    return reply
  }

  private static func write(_ text: String, to descriptor: Int32) throws(SystemError) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress!, $0.count, Int32(MSG_NOSIGNAL)) }
      guard count >= 0 else { throw SystemError(operation: "cannot send the request") }
      rest.removeFirst(count)
    }
  }

  /// More than any response of a host has, in bytes. What listens on the socket may be something else.
  private static var longestResponse: Int { 256 << 20 }

  private static func readAll(from descriptor: Int32) throws(SystemError) -> [UInt8] {
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = read(descriptor, &piece, piece.count)
      guard count >= 0 else { throw SystemError(operation: "cannot read the response") }
      if count == 0 { return bytes }
      bytes += piece[..<count]
      guard bytes.count <= longestResponse else {
        throw SystemError(operation: "cannot read a response of more than \(longestResponse >> 20) MiB", code: EFBIG)
      }
    }
  }
}

extension LocalClient.Reply {
  /// Takes a response apart that the host has closed the connection behind; nil if it is not whole.
  fileprivate init?(_ bytes: [UInt8]) {
    guard let end = bytes.firstRange(of: "\r\n\r\n".utf8) else { return nil }
    let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
    let words = lines.first?.split(separator: " ") ?? []
    guard words.count >= 2, let status = Int(words[1]) else { return nil }
    let content = bytes[end.upperBound...]
    let lengths = lines.compactMap { line in
      let parts = line.split(separator: ":", maxSplits: 1)
      return parts[0].lowercased() == "content-length" ? Int(parts[1].trimmingPrefix(" ")) : nil
    }
    guard content.count == lengths.first ?? 0 else { return nil }
    self.status = status
    body = String(decoding: content, as: UTF8.self)
  }
}
