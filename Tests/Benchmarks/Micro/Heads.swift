import AmbitCore

/// What it costs to read the head of a request.
enum Heads {
  private static let count = 200_000

  static func measure() {
    measureHead("head: short, 1 header", short)
    measureHead("head: a browser's, 11 headers", browser)
  }

  private static func measureHead(_ name: String, _ lines: [String]) {
    let bytes = Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
    var storage = [HeaderField](repeating: HeaderField(), count: HeadLimits().maxFields)
    var parser = HeadParser()
    var head = RequestHead()
    let rounds = measureFigure("\(name), \(bytes.count) bytes", operations: count) {
      processorTime {
        for _ in 0..<count {
          parser.reset()
          var fields = storage.mutableSpan
          let result = parser.parse(bytes.span.bytes, into: &head, fields: &fields)
          precondition(result == .complete, "ambit-micro: the head is \(result), expected complete")
        }
      }
    }
    let speeds = rounds.map { Double(bytes.count) * 1000 / $0 }
    Figure(name: "\(name), speed", unit: .megabytesPerSecond, rounds: speeds, budget: nil).print()
  }

  private static let short = ["GET /hello/World HTTP/1.1", "Host: 127.0.0.1:8080"]

  private static let browser = [
    "GET /hello/World HTTP/1.1",
    "Host: www.example.com",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Accept-Language: en-US,en;q=0.5",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Connection: keep-alive",
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark",
    "Upgrade-Insecure-Requests: 1",
    "Sec-Fetch-Dest: document",
    "Sec-Fetch-Mode: navigate",
    "Priority: u=0, i",
  ]
}
