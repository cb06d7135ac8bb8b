internal import AmbitCore
internal import AmbitSystem

/// What a library was built from: the file `.NAME.build` beside `NAME.so`. The host does not take it for a plugin.
///
/// It is ASCII. The first line has the version of the form and the SHA-256 of the other lines, so that a record that was
/// cut short or damaged counts for nothing. Each further line has a keyword: `recipe` and how the library was compiled;
/// `library` and the state and hash of the library; `input` and the state, the hash (or `-`) and the path of a file that
/// the compiler has read.
struct BuildRecord: Equatable {
  /// How the library was compiled: compilers, flags, sources. See `BuildRecipe`.
  let recipe: [String]
  let library: BuildInput
  let inputs: [BuildInput]

  /// More bytes than any record has.
  static let sizeLimit = 16 << 20

  /// The path of the record of the library called `name`.
  static func path(of name: String, in folder: String) -> String { "\(folder)/.\(name).build" }

  /// The record of the library called `name`; nil if there is none, or it is damaged.
  static func read(of name: String, in folder: String) -> BuildRecord? {
    (try? OpenFile(reading: path(of: name, in: folder)).readHead(upTo: sizeLimit)).flatMap { BuildRecord($0) }
  }

  /// Why the library is not what a build would make now, a few words; nil if it is.
  func change(to recipe: BuildRecipe, in folder: String) -> String? {
    if let change = recipe.change(from: self.recipe) { return change }
    guard library.isUnchanged(in: folder) else { return "\(library.path) is not what the last build made" }
    return inputs.first { !$0.isUnchanged(in: folder) }.map { input in
      let place = BuildInput.place(of: input.path, in: folder)
      return "\(place) \(Paths.exists(place) ? "has changed" : "is gone")"
    }
  }
}

extension BuildRecord {
  private static let title = "ambit build 1"

  var bytes: [UInt8] {
    var lines = recipe.map { "recipe \(Self.encoded($0))" }
    lines.append("library \(library.line)")
    lines += inputs.map { "input \($0.line)" }
    let content = Array(lines.map { "\($0)\n" }.joined().utf8)
    return Array("\(Self.title) \(SHA256(of: content.span))\n".utf8) + content
  }

  /// Nil if the bytes are not a whole record.
  init?(_ bytes: [UInt8]) {
    guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
    let content = Array(bytes[(end + 1)...])
    guard String(fileName: bytes[..<end]) == "\(Self.title) \(SHA256(of: content.span))" else { return nil }
    var (recipe, inputs): ([String], [BuildInput]) = ([], [])
    var library: BuildInput?
    for line in String(fileName: content).split(separator: "\n") {
      let parts = line.split(separator: " ", maxSplits: 1)
      guard parts.count == 2 else { return nil }
      switch parts[0] {
      case "recipe": recipe.append(Self.decoded(parts[1]))
      case "library": library = BuildInput(line: parts[1])
      case "input":
        guard let input = BuildInput(line: parts[1]) else { return nil }
        inputs.append(input)
      default: return nil
      }
    }
    guard let library else { return nil }
    (self.recipe, self.library, self.inputs) = (recipe, library, inputs)
  }

  /// The text in printable ASCII: other bytes, and the percent sign, as `%` and two hexadecimal digits.
  fileprivate static func encoded(_ text: String) -> String {
    text.fileNameBytes.reduce(into: "") { line, byte in
      if (0x20...0x7E).contains(byte), byte != UInt8(ascii: "%") {
        line.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        line += (byte < 16 ? "%0" : "%") + String(byte, radix: 16)
      }
    }
  }

  fileprivate static func decoded(_ line: Substring) -> String {
    var rest = line.utf8[...]
    var bytes: [UInt8] = []
    while let byte = rest.popFirst() {
      let isCode = byte == UInt8(ascii: "%")
      bytes.append(isCode ? UInt8(line[rest.startIndex...].prefix(2), radix: 16) ?? byte : byte)
      if isCode { rest = rest.dropFirst(2) }
    }
    return String(fileName: bytes)
  }
}

extension BuildInput {
  fileprivate var line: String { "\(state.text) \(hash ?? "-") \(BuildRecord.encoded(path))" }

  fileprivate init?(line: Substring) {
    let words = line.split(separator: " ", maxSplits: 6, omittingEmptySubsequences: false)
    guard words.count == 7, let state = FileState(words[..<5]) else { return nil }
    self.init(path: BuildRecord.decoded(words[6]), state: state, hash: words[5] == "-" ? nil : String(words[5]))
  }
}
