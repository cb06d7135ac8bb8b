import AmbitSystem

/// A language that plugins are built from.
enum Language { case c, cxx }

/// The sources of one plugin: the files that lie in its folder itself.
struct SourceFolder {
  /// Names the plugin's library: `NAME.so` beside the folder.
  let name: String
  let path: String
  /// File names, sorted, each with its language; empty if the folder is no C or C++ plugin.
  let sources: [(name: String, language: Language)]
  private let headers: [String]

  /// Nil if it is not a folder.
  init?(_ name: String, in parent: String) throws(FileError) {
    path = "\(parent)/\(name)"
    guard (try? FileStatus(of: path))?.kind == .folder else { return nil }
    self.name = name
    let names = try namesInFolder(path)
    sources = names.compactMap { name in Self.language(of: name).map { (name, $0) } }
    headers = names.filter { Self.headerSuffixes.contains(Self.suffix(of: $0)) }
  }

  /// The language whose driver links the plugin: C++ if any source is.
  var linkLanguage: Language { sources.contains { $0.language == .cxx } ? .cxx : .c }

  /// The last change of any source or header, in nanoseconds since 1970.
  func lastChange() throws(FileError) -> Int64 {
    var last = Int64.min
    for name in sources.map(\.name) + headers { last = max(last, try FileStatus(of: "\(path)/\(name)").modified) }
    return last
  }

  private static let headerSuffixes: Set = ["h", "hh", "hpp", "hxx"]

  private static func language(of name: String) -> Language? {
    switch suffix(of: name) {
    case "c": .c
    case "cc", "cpp", "cxx": .cxx
    default: nil
    }
  }

  private static func suffix(of name: String) -> String {
    name.hasPrefix(".") ? "" : name.split(separator: ".").dropFirst().last.map(String.init) ?? ""
  }
}
