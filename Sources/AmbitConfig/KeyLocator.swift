/// A place where a text is not TOML, or not the TOML that a configuration file may hold.
struct SyntaxProblem: Error, Equatable {
  let position: SourcePosition
  let message: String
}

/// Finds where each key and each array element of a TOML text stands, which the parser does not tell, and refuses what
/// the parser must not see.
///
/// The parser stops the whole process at a header or an array element that begins with a wrong character, and at some
/// broken dates; it loses what follows a NUL. Those are refused here, dates and times all of them, since no key takes one.
/// Other mistakes are left to the parser.
///
/// For a dotted key or a table header each part has its own position, and what is written twice (a table's name in
/// several headers) has the first. The header `[[a]]` is an element of the array `a`, and the last one is what `[a.b]` and
/// `[[a.b]]` mean by `a`.
struct KeyLocator {
  private(set) var positions: [SettingPath: SourcePosition] = [:]

  private var source: ByteSource
  /// The table of the last header.
  private var table = SettingPath()
  /// How many elements the arrays of tables have so far.
  private var elements: [SettingPath: Int] = [:]

  init(scanning text: String) throws(SyntaxProblem) {
    source = ByteSource(text)
    while true {
      source.skipTrivia()
      guard let byte = source.peek else { return }
      if byte == UInt8(ascii: "[") {
        try header()
      } else {
        try assignment(below: table)
      }
    }
  }

  /// `[a.b]` or `[[a.b]]`.
  private mutating func header() throws(SyntaxProblem) {
    source.advance()
    source.skipBlanks()
    let isElement = source.peek == UInt8(ascii: "[")
    if isElement { source.advance() }
    let position = source.position
    table = try keys(below: SettingPath())
    if isElement {
      let index = elements[table, default: 0]
      elements[table] = index + 1
      table = table.appending(.index(index))
      record(table, at: position)
    }
    source.skipLine()
  }

  /// `a.b = value`.
  private mutating func assignment(below path: SettingPath) throws(SyntaxProblem) {
    let path = try keys(below: path)
    guard source.peek == UInt8(ascii: "=") else { throw problem(#"expected "=" after the key"#) }
    source.advance()
    source.skipBlanks()
    try value(at: path)
  }

  /// One key or several with dots between them; returns their path.
  private mutating func keys(below path: SettingPath) throws(SyntaxProblem) -> SettingPath {
    var path = path
    while true {
      source.skipBlanks()
      let position = source.position
      path = path.appending(.key(try key()))
      record(path, at: position)
      source.skipBlanks()
      guard source.peek == UInt8(ascii: ".") else { return path }
      source.advance()
      if let count = elements[path] { path = path.appending(.index(count - 1)) }
    }
  }

  private mutating func key() throws(SyntaxProblem) -> String {
    if source.isAtQuote { return try string() }
    let key = source.take(while: ByteSource.isBareKey)
    guard !key.isEmpty else { throw problem("expected a key") }
    return key
  }

  private mutating func value(at path: SettingPath) throws(SyntaxProblem) {
    switch source.peek {
    case UInt8(ascii: "\""), UInt8(ascii: "'"): _ = try string()
    case UInt8(ascii: "["): try array(at: path)
    case UInt8(ascii: "{"): try inlineTable(at: path)
    default: try scalar(at: path)
    }
  }

  private mutating func array(at path: SettingPath) throws(SyntaxProblem) {
    source.advance()
    var index = 0
    while true {
      source.skipTrivia()
      guard let byte = source.peek, byte != UInt8(ascii: "]") else { return source.advance() }
      if byte == UInt8(ascii: ",") {
        source.advance()
        continue
      }
      let element = path.appending(.index(index))
      record(element, at: source.position)
      try value(at: element)
      index += 1
    }
  }

  private mutating func inlineTable(at path: SettingPath) throws(SyntaxProblem) {
    source.advance()
    while true {
      source.skipTrivia()
      guard let byte = source.peek, byte != UInt8(ascii: "}") else { return source.advance() }
      if byte == UInt8(ascii: ",") {
        source.advance()
      } else {
        try assignment(below: path)
      }
    }
  }

  private mutating func string() throws(SyntaxProblem) -> String {
    let position = source.position
    let text = source.takeString()
    guard !text.utf8.contains(0) else {
      let message = "expected a string without NUL characters, found one written as an escape"
      throw SyntaxProblem(position: position, message: message)
    }
    return text
  }

  /// A number, a boolean or a date.
  private mutating func scalar(at path: SettingPath) throws(SyntaxProblem) {
    let position = source.position
    let text = source.take { !ByteSource.endsScalar($0) }
    guard !text.isEmpty else { throw problem("expected a value") }
    guard !Self.isDateOrTime(text) else {
      let found = quoted(text.prefix { $0 != " " }.description)
      let message = "\(path): expected a string, a number or a boolean, found \(found) without quotes"
      throw SyntaxProblem(position: position, message: message)
    }
  }

  /// Whether a scalar could be taken for one: it begins with a digit and has a colon, or a hyphen that is not the sign of an exponent.
  private static func isDateOrTime(_ scalar: String) -> Bool {
    guard let first = scalar.utf8.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else { return false }
    return zip(scalar.utf8, scalar.utf8.dropFirst()).contains { byte, next in
      let isExponent = byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E")
      return next == UInt8(ascii: ":") || next == UInt8(ascii: "-") && !isExponent
    }
  }

  private func problem(_ expectation: String) -> SyntaxProblem {
    SyntaxProblem(position: source.position, message: "\(expectation), found \(source.next)")
  }

  private mutating func record(_ path: SettingPath, at position: SourcePosition) {
    if positions[path] == nil { positions[path] = position }
  }
}
