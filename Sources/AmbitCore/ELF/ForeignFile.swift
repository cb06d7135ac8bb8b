/// What a file is that does not begin as an ELF file, as far as its first bytes tell. Messages say what to do with it.
public enum ForeignFile: Equatable, Sendable {
  /// A text that only the linker reads, with the library that it names first; nil if it names none.
  case linkerScript(library: String?)
  /// A static library: ar(1).
  case archive
  /// A text that an interpreter runs.
  case script
  /// A page, which a server sent in place of the file.
  case page
  /// A text that stands for a file that Git LFS has not fetched.
  case largeFilePointer
  /// A file that holds others, or that must be expanded first.
  case compressed(String)
  /// A library or program of another system.
  case other(String)
  /// Something else.
  case unknown

  /// - Parameter head: the first bytes of the file.
  init(_ head: Span<UInt8>) {
    func begins(_ bytes: [UInt8]) -> Bool { head.starts(with: bytes) }
    func begins(_ text: String) -> Bool { head.starts(with: Array(text.utf8)) }
    if begins("!<arch>\n") || begins("!<thin>\n") {
      self = .archive
    } else if begins("#!") {
      self = .script
    } else if begins("version https://git-lfs.") {
      self = .largeFilePointer
    } else if begins([0x1f, 0x8b]) {
      self = .compressed("gzip")
    } else if begins([0xfd, 0x37, 0x7a, 0x58, 0x5a]) {
      self = .compressed("xz")
    } else if begins([0x28, 0xb5, 0x2f, 0xfd]) {
      self = .compressed("zstd")
    } else if begins([0x50, 0x4b, 0x03, 0x04]) {
      self = .compressed("zip")
    } else if begins("MZ") {
      self = .other("a library or program of Windows")
    } else if begins([0xcf, 0xfa, 0xed, 0xfe]) || begins([0xca, 0xfe, 0xba, 0xbe]) {
      self = .other("a library or program of macOS")
    } else if begins([0x00, 0x61, 0x73, 0x6d]) {
      self = .other("a WebAssembly module")
    } else if begins([0x42, 0x43, 0xc0, 0xde]) {
      self = .other("LLVM bitcode")
    } else {
      self = Self.text(head)
    }
  }

  private static func text(_ head: Span<UInt8>) -> ForeignFile {
    var bytes: [UInt8] = []
    for index in 0..<Swift.min(head.count, 4096) {
      guard head[index] != 0 else { return .unknown }
      bytes.append(head[index])
    }
    let text = String(decoding: bytes, as: UTF8.self)
    let start = text.drop(while: \.isWhitespace).prefix(16).lowercased()
    if start.hasPrefix("<!doctype") || start.hasPrefix("<html") { return .page }
    let words = scriptWords(of: text)
    let commands: Set = ["GROUP", "INPUT", "OUTPUT_FORMAT"]
    guard text.hasPrefix("/* GNU ld script") || words.first.map(commands.contains) == true else { return .unknown }
    return .linkerScript(library: library(in: words))
  }

  /// The words of a linker script, without comments; a parenthesis is a word.
  private static func scriptWords(of text: String) -> [String] {
    var rest = text[...]
    var plain = ""
    while let start = rest.firstRange(of: "/*") {
      plain += rest[..<start.lowerBound] + " "
      rest = rest[start.upperBound...]
      rest = rest.firstRange(of: "*/").map { rest[$0.upperBound...] } ?? ""
    }
    plain += rest
    return plain.replacing("(", with: " ( ").replacing(")", with: " ) ").replacing(",", with: " ")
      .split(whereSeparator: \.isWhitespace).map(String.init)
  }

  /// The first shared library among the words, `libm.so.6` or `-lm`.
  private static func library(in words: [String]) -> String? {
    for word in words {
      let name = word.split(separator: "/").last.map(String.init) ?? word
      if name.hasSuffix(".so") || name.contains(".so.") { return name }
      if word.hasPrefix("-l"), word.count > 2 { return "lib\(word.dropFirst(2)).so" }
    }
    return nil
  }
}

extension ForeignFile: CustomStringConvertible {
  /// The words after "not a shared library".
  public var description: String {
    switch self {
    case .linkerScript(let library):
      " but a linker script, a text that only the linker reads; take the library that it names"
        + (library.map { ": \($0)" } ?? "")
    case .archive:
      " but a static library (an archive of object files); link it into a shared one: "
        + "cc -shared -o NAME.so -Wl,--whole-archive NAME.a"
    case .script: " but a script, which begins with #!"
    case .page: " but an HTML page, perhaps the answer of a server in place of the file; fetch the file again"
    case .largeFilePointer: " but a pointer of Git LFS; fetch the file with git lfs pull"
    case .compressed(let format): " but a \(format) file; unpack it first"
    case .other(let kind): " of Linux but \(kind); build it for Linux"
    case .unknown: ": it does not begin with the ELF magic number"
    }
  }
}
