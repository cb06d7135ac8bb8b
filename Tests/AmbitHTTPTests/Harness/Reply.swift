/// A response as a client has read it.
struct Reply: Equatable {
  let status: Int
  /// Names in lower case, in the order in which they came.
  let headers: [Header]
  var body: [UInt8] = []

  struct Header: Equatable {
    let name: String
    let value: String
  }

  init(_ lines: [String]) throws {
    guard let first = lines.first, first.hasPrefix("HTTP/1.1 "), let status = Int(first.dropFirst(9).prefix(3)) else {
      throw ClientError(description: "status line \"\(lines.first ?? "")\"")
    }
    self.status = status
    headers = try lines.dropFirst().map { line in
      guard let colon = line.firstIndex(of: ":") else { throw ClientError(description: "header line \"\(line)\"") }
      let value = line[line.index(after: colon)...].drop { $0 == " " }
      return Header(name: line[..<colon].lowercased(), value: String(value))
    }
  }

  /// The value of the first header of that name, in lower case.
  subscript(_ name: String) -> String? { headers.first { $0.name == name }?.value }

  var text: String { String(decoding: body, as: UTF8.self) }
}
