internal import AmbitCore
package import AmbitSystem
internal import Glibc

/// A client for one request to a host of this machine, over its local socket.
package enum LocalClient {
  /// A response, whole.
  package struct Reply: Sendable {
    package let status: Int
    package let body: String
    /// The process of the host; nil if the system does not tell.
    package fileprivate(set) var process: Int32?
  }

  /// The operation of the error if nobody listens on the socket.
  package static var connecting: String { LocalConnection.connecting }

  /// Sends a request without a body and reads the response to its end. Blocks for as long as the host takes.
  /// - Throws: the system's error; ECONNRESET if the host closes the connection in the middle of the response; EFBIG if
  ///   the response is too long.
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
    guard var reply = Reply(try connection.readToEnd(limit: longestResponse)) else {
      throw SystemError(operation: "the host's response was cut short", code: ECONNRESET)
    }
    reply.process = connection.peer
    return reply
  }

  /// More bytes than any response of a host has. Another program may listen on the socket.
  private static var longestResponse: Int { 256 << 20 }
}

extension LocalClient.Reply {
  /// Parses a response behind which the host has closed the connection; nil if it is not whole.
  fileprivate init?(_ bytes: [UInt8]) {
    guard let end = bytes.firstRange(of: "\r\n\r\n".utf8) else { return nil }
    let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
    let words = lines.first?.split(separator: " ") ?? []
    guard words.count >= 2, let status = Int(words[1]) else { return nil }
    let content = bytes[end.upperBound...]
    let fields = lines.dropFirst().map {
      $0.split(separator: ":", maxSplits: 1).map { $0.trimmingPrefix(" ").lowercased() }
    }
    self.status = status
    if fields.contains(["transfer-encoding", "chunked"]) {
      guard let content = Self.withoutChunks(Array(content)) else { return nil }
      body = String(decoding: content, as: UTF8.self)
    } else {
      let lengths = fields.compactMap { $0.first == "content-length" ? Int($0[1]) : nil }
      guard content.count == lengths.first ?? 0 else { return nil }
      body = String(decoding: content, as: UTF8.self)
    }
  }

  /// The body that these chunks carry; nil if they do not end, or are malformed.
  private static func withoutChunks(_ bytes: [UInt8]) -> [UInt8]? {
    var decoder = ChunkedDecoder()
    var body: [UInt8] = []
    var start = 0
    while true {
      let (consumed, event) = decoder.next(bytes.span.bytes.extracting(start..<bytes.count))
      start += consumed
      guard case .data(let count) = event else { return event == .end ? body : nil }
      body += bytes[start - count..<start]
    }
  }
}
