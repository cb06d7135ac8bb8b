internal import AmbitCore

/// What a compiler has read to make an object file, as the compiler writes that by -MD: a rule of make(1),
/// `OBJECT: FILE FILE \`, with more files on further lines.
struct DependencyRule {
  /// The name of the target, which stands for the object file: names of files would be written with escapes.
  static let target = "object"

  /// The files of the rule for `target`; nil if the text is not such a rule.
  static func files(in rule: [UInt8]) -> [String]? {
    let start = "\(target):".utf8
    guard rule.starts(with: start) else { return nil }
    var parser = DependencyRule(rest: rule.dropFirst(start.count))
    while let byte = parser.rest.popFirst() { parser.take(byte) }
    parser.endName()
    return parser.files
  }

  private var rest: ArraySlice<UInt8>
  private var name: [UInt8] = []
  private var files: [String] = []

  private init(rest: ArraySlice<UInt8>) { self.rest = rest }

  private mutating func take(_ byte: UInt8) {
    switch byte {
    case UInt8(ascii: "\\"): takeBackslashes()
    case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"): endName()
    case UInt8(ascii: "$"):
      if rest.first == byte { rest.removeFirst() }
      name.append(byte)
    default: name.append(byte)
    }
  }

  /// Takes a run of backslashes, whose first has been taken. Before a blank each one of the name is doubled, and one
  /// more makes the blank a part of the name; before `#` and the end of a line one is an escape; others are themselves.
  private mutating func takeBackslashes() {
    var count = 1
    while rest.first == UInt8(ascii: "\\") {
      rest.removeFirst()
      count += 1
    }
    let isBlank = rest.first == UInt8(ascii: " ") || rest.first == UInt8(ascii: "\t")
    let isEscape = rest.first == UInt8(ascii: "#") || rest.first == UInt8(ascii: "\n")
    let kept = isBlank ? count / 2 : isEscape ? count - 1 : count
    name += [UInt8](repeating: UInt8(ascii: "\\"), count: kept)
    if isBlank && count % 2 == 1 || rest.first == UInt8(ascii: "#") { name.append(rest.removeFirst()) }
  }

  private mutating func endName() {
    if !name.isEmpty { files.append(String(fileName: name)) }
    name = []
  }
}
