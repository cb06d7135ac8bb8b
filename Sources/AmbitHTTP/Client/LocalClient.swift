internal import AmbitCore
package import AmbitSystem
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
    let connection = try LocalConnection(to: path)
    let request = """
      \(method) \(target) HTTP/1.1\r
      Host: ambit\r
      Accept: \(accept)\r
      Content-Length: 0\r
      Connection: close\r
      \r

      """
    try connection.send(request)
    guard let reply = Reply(try connection.readToEnd(limit: longestResponse)) else {
      throw SystemError(operation: "the host's response was cut short", code: ECONNRESET)
    }
    return reply
  }

  /// More than any response of a host has, in bytes. What listens on the socket may be something else.
  private static var longestResponse: Int { 256 << 20 }
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
