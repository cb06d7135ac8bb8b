internal import AmbitSystem

/// A language that plugins are built from.
enum Language: String {
  case c
  case cxx = "c++"

  /// The language of a source, by its suffix as compilers know it; nil if it is none of these.
  init?(ofFile name: String) {
    switch fileSuffix(of: name) {
    case "c": self = .c
    case "cc", "cpp", "cxx", "c++", "cp", "C", "CPP": self = .cxx
    default: return nil
    }
  }

  /// What messages call its compiler.
  var compilerName: String { self == .c ? "the C compiler" : "the C++ compiler" }
}

/// The sources of one plugin: the files directly in its folder.
struct SourceFolder {
  /// The library is `NAME.so` beside the folder.
  let name: String
  let path: String
  /// File names, sorted, each with its language; empty if the folder is no C or C++ plugin.
  let sources: [(name: String, language: Language)]
  /// Names of the header files, sorted: a new one may take the place of one elsewhere.
  let headers: [String]
  /// What is in the folder and not compiled, though it looks like source code.
  let leftOut: [LeftOut]

  /// Lists the folder's files. Nil if it is not a folder.
  init?(_ name: String, in parent: String) throws(FileError) {
    path = "\(parent)/\(name)"
    guard (try? FileStatus(of: path))?.kind == .folder else { return nil }
    self.name = name
    let names = try namesInFolder(path)
    let visible = names.filter { !$0.hasPrefix(".") }
    sources = visible.compactMap { name in Language(ofFile: name).map { (name, $0) } }
    headers = visible.filter { Self.headerSuffixes.contains(fileSuffix(of: $0)) }
    leftOut = names.compactMap { [path] in LeftOut(file: $0, in: path) }
  }

  /// The languages of its sources, C first.
  var languages: [Language] { [.c, .cxx].filter { language in sources.contains { $0.language == language } } }

  /// The language whose compiler links the plugin: C++ if one of the sources is C++.
  var linkLanguage: Language { languages.last ?? .c }

  private static let headerSuffixes: Set = ["h", "hh", "hpp", "hxx", "h++", "H", "inc", "inl", "ipp", "tpp"]
}

/// A file or folder that `ambit build` does not compile, though an author may expect it.
package struct LeftOut: Equatable, Sendable {
  package let path: String
  /// Why, and what to do.
  package let reason: String

  init(path: String, reason: String) { (self.path, self.reason) = (path, reason) }

  /// An entry of a plugin's folder; nil if it is compiled, or nobody would expect it to be.
  fileprivate init?(file name: String, in folder: String) {
    path = "\(folder)/\(name)"
    let kind = (try? FileStatus(of: path))?.kind
    if kind == .folder {
      guard !name.hasPrefix("."), hasSources(path, depth: 3) else { return nil }
      reason = "only sources directly in \(folder) are compiled"
    } else if name.hasPrefix("."), kind == .file, Language(ofFile: String(name.dropFirst())) != nil {
      reason = "its name begins with a dot"
    } else if let language = otherLanguage(ofFile: name) {
      reason = "\(language) is not compiled here, only C and C++"
    } else {
      return nil
    }
  }

  /// An entry of the folder of the plugins itself that is no plugin's folder; nil if nobody would expect it to be
  /// compiled.
  init?(entry name: String, of directory: String) {
    path = "\(directory)/\(name)"
    let kind = (try? FileStatus(of: path))?.kind
    if kind == .folder {
      guard name.hasPrefix("."), hasSources(path, depth: 1), name != PluginHeaders.folderName else { return nil }
      reason = "its name begins with a dot"
    } else if kind == nil, Paths.linkTarget(path) != nil {
      reason = "the link leads nowhere"
    } else if Language(ofFile: name) != nil {
      let stem = name.split(separator: ".").dropLast().joined(separator: ".")
      reason = "each plugin has a folder of its own; move the file to \(directory)/\(stem)/\(name)"
    } else {
      return nil
    }
  }
}

/// Whether sources in C or C++ lie in the folder or below it, at most `depth` folders deep: the folders of other tools
/// can be large. Links to folders are not followed.
private func hasSources(_ folder: String, depth: Int) -> Bool {
  let names = (try? namesInFolder(folder)) ?? []
  return names.contains { Language(ofFile: $0) != nil }
    || names.contains { name in
      let place = "\(folder)/\(name)"
      return depth > 1 && !name.hasPrefix(".") && (try? FileStatus(ofLink: place))?.kind == .folder
        && hasSources(place, depth: depth - 1)
    }
}

/// The name of another language than C and C++ whose sources have the file's suffix; nil if it is none that compiles to
/// shared libraries.
private func otherLanguage(ofFile name: String) -> String? {
  let languages = [
    "swift": "Swift", "rs": "Rust", "go": "Go", "zig": "Zig", "d": "D", "f90": "Fortran", "f": "Fortran",
    "pas": "Pascal", "nim": "Nim", "s": "assembly", "S": "assembly", "asm": "assembly", "cu": "CUDA",
    "m": "Objective-C", "mm": "Objective-C++",
  ]
  return languages[fileSuffix(of: name)]
}

/// What follows the last point of a file's name; empty for a hidden file, and for a name without a point.
func fileSuffix(of name: String) -> String {
  name.hasPrefix(".") ? "" : name.split(separator: ".").dropFirst().last.map(String.init) ?? ""
}
