internal import AmbitCore
internal import AmbitSystem

/// A compiler: how it is called, and what it is.
struct Compiler {
  /// The words that call it: `["cc"]`, or `["ccache", "gcc"]`.
  let words: [String]
  /// Flags that linking with it needs on this machine.
  var linkFlags: [String] = []
  /// The file of each word that is a program, with its size and time: they change with the compiler's version.
  let programs: [String]

  init(_ words: [String], _ search: ProgramSearch) {
    self.words = words
    programs = words.compactMap { search.identity(of: $0) }
  }

  /// What calls it, for messages.
  var name: String { words.joined(separator: " ") }
}

/// The compilers for the languages of plugins.
struct Compilers {
  private let c: Compiler
  private let cxx: Compiler

  /// - Parameter languages: The languages that are needed. Others need no compiler.
  /// - Throws: if there is none for one of them.
  init(for languages: [Language], _ toolchain: Toolchain) throws(NoCompiler) {
    let first = try Self.compiler(for: languages.first ?? .c, toolchain)
    let last = try Self.compiler(for: languages.last ?? .c, toolchain)
    (c, cxx) = (first, last)
  }

  subscript(language: Language) -> Compiler { language == .c ? c : cxx }

  /// The compiler that the environment names; else the system's; else the clang that Swift brings along.
  private static func compiler(for language: Language, _ toolchain: Toolchain) throws(NoCompiler) -> Compiler {
    let search = toolchain.search
    if let words = toolchain.chosen(for: language) { return Compiler(words, search) }
    let usual = language == .c ? ["cc", "gcc", "clang"] : ["c++", "g++", "clang++"]
    let clang = usual[2]
    let ofSwift = search.toolchainFolder.map { "\($0)/\(clang)" }.flatMap { search.isProgram($0) ? $0 : nil }
    guard let name = usual.first(where: { search.path(of: $0) != nil }) ?? ofSwift else {
      throw NoCompiler(language: language, usual: usual)
    }
    var compiler = Compiler([name], search)
    if name.hasSuffix(clang), search.path(of: "ld") == nil, let folder = search.realFolder(of: name),
      search.isProgram("\(folder)/ld.lld")
    {
      // Clang calls the system's linker, and Swift's brings one along for machines without.
      compiler.linkFlags = ["-fuse-ld=lld"]
    }
    return compiler
  }
}

/// The machine has no compiler for a language.
struct NoCompiler: Error, CustomStringConvertible {
  let language: Language
  let usual: [String]

  var description: String {
    let (variable, package) = language == .c ? ("CC", "gcc libc6-dev") : ("CXX", "g++")
    return "there is no compiler for \(language == .c ? "C" : "C++"): PATH has none of "
      + "\(usual.joined(separator: ", ")), and no swiftc with a clang beside it; install one (on Debian: apt-get "
      + "install \(package)), or name one in \(variable)"
  }
}

/// Finds programs as a shell does.
package struct ProgramSearch: Sendable {
  private let folders: [String]

  /// - Parameter path: The value of PATH.
  package init(path: String?) {
    folders = (path ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":", omittingEmptySubsequences: false)
      .map { $0.isEmpty ? "." : String($0) }
  }

  /// The path of the program called `name`, which may be a path itself; nil if there is none.
  package func path(of name: String) -> String? {
    guard !name.contains("/") else { return isProgram(name) ? name : nil }
    return folders.lazy.map { "\($0)/\(name)" }.first(where: isProgram)
  }

  func isProgram(_ path: String) -> Bool {
    (try? FileStatus(of: path)).map { $0.kind == .file && $0.permissions & 0o111 != 0 } ?? false
  }

  /// The folder of the programs of Swift's toolchain, by its compiler; nil without one.
  var toolchainFolder: String? {
    realFolder(of: "swiftc") ?? realFolder(of: "swift")
  }

  /// The folder of a program's file, links followed; nil if there is no such program.
  func realFolder(of name: String) -> String? {
    guard let real = path(of: name).map(Paths.real) else { return nil }
    return real.lastIndex(of: "/").map { String(real[..<$0]) }
  }

  /// The file of a program with its size and time; nil if the word is no program, but a flag or the like.
  func identity(of word: String) -> String? {
    guard let path = path(of: word) else { return nil }
    let real = Paths.real(path)
    guard let status = try? FileStatus(of: real) else { return nil }
    return "\(real) \(status.size) \(status.modified)"
  }
}
