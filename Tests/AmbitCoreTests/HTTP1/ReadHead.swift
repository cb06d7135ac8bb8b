import AmbitCore

/// What a parser made of some bytes, in a form that can be compared and printed.
struct ReadHead: Equatable {
  var result: HeadResult
  var head: RequestHead
  var http1: HTTP1Head
  var fields: [HeaderField]
  private var bytes: [UInt8]

  func text(_ range: ByteRange?) -> String? {
    range.map { String(decoding: bytes[$0.bounds], as: UTF8.self) }
  }

  var path: String? { text(head.path) }
  var query: String? { text(head.query) }
  var authority: String? { text(head.authority) }

  /// Names and values in their order, `name=value`.
  var fieldTexts: [String] {
    fields.map { "\(text($0.name)!)=\(text($0.value)!)" }
  }
}

extension ReadHead {
  /// Reads `bytes` in the pieces that end at `cuts`, then whole, until the parser has an answer.
  ///
  /// Without an answer `complete` there is no head to compare, so `head`, `http1` and `fields` are left empty.
  init(_ bytes: [UInt8], cuts: [Int] = [], limits: HeadLimits = HeadLimits(), room: Int = 200) {
    var parser = HeadParser(limits: limits)
    self.init(bytes, cuts: cuts, room: room, with: &parser)
  }

  /// The same with a parser that may have read other heads.
  init(_ bytes: [UInt8], cuts: [Int] = [], room: Int = 200, with parser: inout HeadParser) {
    parser.reset()
    var storage = [HeaderField](repeating: HeaderField(), count: room)
    var head = RequestHead()
    result = .incomplete
    for cut in cuts + [bytes.count] where result == .incomplete {
      var fields = storage.mutableSpan
      result = parser.parse(bytes.span.bytes.extracting(first: cut), into: &head, fields: &fields)
    }
    self.bytes = bytes
    self.head = result == .complete ? head : RequestHead()
    http1 = result == .complete ? parser.http1 : HTTP1Head()
    fields = result == .complete ? Array(storage[..<head.fieldCount]) : []
  }

  init(_ text: String, limits: HeadLimits = HeadLimits(), room: Int = 200) {
    self.init(Array(text.utf8), limits: limits, room: room)
  }
}

/// A request whose head has these lines, given without line ends.
func request(_ lines: [String]) -> String {
  lines.map { $0 + "\r\n" }.joined() + "\r\n"
}

func request(_ lines: String...) -> String {
  request(lines)
}
