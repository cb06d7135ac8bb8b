/// Takes responses out of a stream of bytes by their framing (RFC 9112, section 6.3).
struct ResponseReader {
  private(set) var unread: [UInt8]
  private let more: (inout [UInt8]) throws -> Bool

  /// `more` appends what arrives next and says whether anything did.
  init(unread: [UInt8], more: @escaping (inout [UInt8]) throws -> Bool) {
    self.unread = unread
    self.more = more
  }

  mutating func response(hasBody: Bool) throws -> Response {
    var response = try head()
    let isBodiless = response.status < 200 || response.status == 204 || response.status == 304
    guard hasBody, !isBodiless else { return response }
    if response["Transfer-Encoding"] == "chunked" {
      response.body = try chunks()
    } else if let length = response["Content-Length"].flatMap({ Int($0) }) {
      response.body = try bytes(length, while: "reading a body of \(length) bytes")
    } else {
      while try more(&unread) {}
      response.body = unread
      unread = []
    }
    return response
  }

  mutating func head() throws -> Response {
    try Response(head: line(endingIn: "\r\n\r\n", while: "reading a head"))
  }

  mutating func bytes(_ count: Int, while activity: String) throws -> [UInt8] {
    while unread.count < count { try fill(activity) }
    defer { unread.removeFirst(count) }
    return Array(unread[..<count])
  }

  private mutating func chunks() throws -> [UInt8] {
    var body: [UInt8] = []
    while true {
      let text = String(decoding: try line(endingIn: "\r\n", while: "reading a chunk size"), as: UTF8.self)
      guard let size = Int(text, radix: 16) else { throw HarnessError.malformedResponse("chunk size \(text)") }
      body += try bytes(size, while: "reading a chunk of \(size) bytes")
      let end = try bytes(2, while: "reading the end of a chunk")
      guard end == Array("\r\n".utf8) else { throw HarnessError.malformedResponse("chunk ends in \(end)") }
      if size == 0 { return body }
    }
  }

  /// The bytes before `end`, which is taken as well.
  private mutating func line(endingIn end: String, while activity: String) throws -> [UInt8] {
    let end = Array(end.utf8)
    var scanned = 0
    while true {
      if let start = unread.indices.dropFirst(scanned).first(where: { unread[$0...].starts(with: end) }) {
        defer { unread.removeFirst(start + end.count) }
        return Array(unread[..<start])
      }
      scanned = max(0, unread.count - end.count)
      try fill(activity)
    }
  }

  private mutating func fill(_ activity: String) throws {
    guard try more(&unread) else {
      throw HarnessError.connectionEnded(while: activity, received: String(decoding: unread.prefix(200), as: UTF8.self))
    }
  }
}
