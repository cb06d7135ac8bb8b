/// A response as it came over the connection, its body complete and freed of its framing.
struct Response: Sendable {
  let version: String
  let status: Int
  let reason: String
  let fields: [(name: String, value: String)]
  var body: [UInt8] = []

  /// The body as text.
  var text: String { String(decoding: body, as: UTF8.self) }

  /// The value of the first field called `name`, in any case.
  subscript(name: String) -> String? {
    fields.first { $0.name.lowercased() == name.lowercased() }?.value
  }

  /// Reads status line and fields from a head without its final empty line.
  init(head: [UInt8]) throws {
    let text = String(decoding: head, as: UTF8.self)
    var lines = text.split(separator: "\r\n", omittingEmptySubsequences: false)[...]
    let start = lines.removeFirst().split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
    guard start.count == 3, start[0].hasPrefix("HTTP/1."), let status = Int(start[1]) else {
      throw HarnessError.malformedResponse(text)
    }
    (version, self.status, reason) = (String(start[0]), status, String(start[2]))
    fields = try lines.map { line in
      let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].contains(" ") else { throw HarnessError.malformedResponse(text) }
      return (String(parts[0]), String(parts[1].drop { $0 == " " }))
    }
  }
}
