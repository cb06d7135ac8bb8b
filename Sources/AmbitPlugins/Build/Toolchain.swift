internal import AmbitCore
package import AmbitSystem
internal import CAmbit
internal import Glibc

/// The compilers and their flags, from the environment.
package struct Toolchain: Sendable {
  /// The words of CC, CXX, CFLAGS, CXXFLAGS and LDFLAGS, of those that are set.
  private let words: [String: [String]]
  /// Other variables that say where compilers look for headers and libraries, and what they write, by name.
  private let searchVariables: [(name: String, value: String)]
  let search: ProgramSearch
  /// The folder for object files while a plugin is built.
  let temporaryFolder: String

  /// A variable that cannot be split into words.
  package struct MalformedVariable: Error, CustomStringConvertible {
    let name: String
    let value: String
    let error: UnclosedQuoteError

    package var description: String { "the environment's \(name): \(error): \(value.printable)" }
  }

  /// Reads CC, CXX, CFLAGS, CXXFLAGS and LDFLAGS, each split into words as a shell does, PATH and TMPDIR. Without CC and
  /// CXX the compilers are searched for, see `Compilers`. TMPDIR is /tmp by default.
  package init(environment: [String: String]) throws(MalformedVariable) {
    var words: [String: [String]] = [:]
    for name in ["CC", "CXX", "CFLAGS", "CXXFLAGS", "LDFLAGS"] {
      let value = environment[name] ?? ""
      do throws(UnclosedQuoteError) {
        words[name] = try value.shellWords()
      } catch {
        throw MalformedVariable(name: name, value: value, error: error)
      }
    }
    self.words = words
    searchVariables = Self.searchNames.compactMap { name in environment[name].map { (name, $0) } }
    search = ProgramSearch(path: environment["PATH"])
    temporaryFolder = Paths.absolute(environment["TMPDIR"].flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp")
  }

  /// The variables that gcc and clang read besides the flags.
  private static let searchNames = [
    "CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX",
    "SOURCE_DATE_EPOCH",
  ]

  /// The words of CC or CXX; nil if it is not set.
  func chosen(for language: Language) -> [String]? {
    let chosen = words[language == .c ? "CC" : "CXX"] ?? []
    return chosen.isEmpty ? nil : chosen
  }

  /// The variables of the environment that matter for plugins in these languages, of those that are set. If a flag has
  /// a relative path, the working folder matters, too.
  func variables(for languages: [Language]) -> [(name: String, value: String)] {
    let names = languages.map { flagsName(of: $0) } + ["LDFLAGS"]
    let flags = names.map { ($0, words[$0] ?? []) }.filter { !$0.1.isEmpty }
    let isRelative = flags.flatMap(\.1).contains { flag in
      let value = ["-I", "-L"].contains(flag.prefix(2)) ? flag.dropFirst(2) : flag[...]
      return !value.hasPrefix("/") && !value.hasPrefix("-")
    }
    let folder = isRelative ? [("the working folder", Paths.workingFolder ?? "")] : []
    return flags.map { ($0.0, $0.1.joined(separator: " ")) } + searchVariables + folder
  }

  private func flagsName(of language: Language) -> String { language == .c ? "CFLAGS" : "CXXFLAGS" }

  /// The flags that every source is compiled with. -fstack-clash-protection keeps large frames from stepping over the
  /// guard below a fiber's stack; a frame of 32 KiB gets a warning. Parameters that are not used get none, because the
  /// host fixes those of handlers, jobs and hooks.
  func fixedFlags(for language: Language) -> [String] {
    [
      language == .c ? "-std=gnu17" : "-std=gnu++20", "-c", "-fPIC", "-O2", "-g", "-fvisibility=hidden",
      "-fstack-clash-protection", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Wframe-larger-than=32768",
    ]
  }

  /// The command that compiles one file, and writes to `rule` what it has read. The environment's flags come last, so
  /// that they win, but for those on which the host relies.
  func compile(
    _ source: String, as language: Language, by compiler: Compiler, including headers: String, to object: String,
    rule: String
  ) -> [String] {
    compiler.words + fixedFlags(for: language) + ["-I", headers] + (words[flagsName(of: language)] ?? [])
      + ["-MD", "-MF", rule, "-MT", DependencyRule.target, "-o", object, source]
  }

  /// The command that links the objects. Symbols are bound within the library, so that two generations never mix. An
  /// undefined symbol is an error now instead of at load time, except with a sanitizer, whose functions the host has.
  func link(_ objects: [String], as language: Language, by compiler: Compiler, to library: String) -> [String] {
    let linkFlags = words["LDFLAGS"] ?? []
    let driver = compiler.words + (words[flagsName(of: language)] ?? [])
    let isSanitized = (driver + linkFlags).contains { $0.hasPrefix("-fsanitize") }
    let strictness = isSanitized ? [] : ["-Wl,-z,defs"]
    return driver + ["-shared", "-Wl,-Bsymbolic"] + compiler.linkFlags + strictness + ["-o", library] + objects
      + linkFlags
  }

  /// The files that flags name and that no compiler tells: libraries and the like, by their paths, or as `-lNAME` in a
  /// folder that a `-L` names; and files with more flags, `@FILE`.
  var namedFiles: [String] {
    let flags = ["CFLAGS", "CXXFLAGS", "LDFLAGS"].flatMap { words[$0] ?? [] }
    func values(of flag: String) -> [String] {
      flags.indices.compactMap { index in
        guard flags[index].hasPrefix(flag) else { return nil }
        let value = flags[index].dropFirst(flag.count)
        return value.isEmpty ? flags.dropFirst(index + 1).first : String(value)
      }
    }
    let folders = values(of: "-L")
    let named = values(of: "-l").compactMap { name in
      folders.lazy.flatMap { ["\($0)/lib\(name).so", "\($0)/lib\(name).a"] }.first(where: Paths.exists)
    }
    let listed = flags.flatMap { $0.split { $0 == "," || $0 == "=" || $0 == "@" }.map(String.init) }
    return named + listed.filter { (try? FileStatus(of: $0))?.kind == .file }
  }
}

/// The folder of the headers that plugins are compiled with.
package struct PluginHeaders: Sendable {
  /// The name of the folder in that of the plugins.
  package static let folderName = ".include"

  package let path: String

  /// Makes the folder at `path` if there is none (its parent must exist), and writes each text of `headers` under its
  /// name. A file that has the text already is not written, so that its time says when the header last changed.
  package init(_ headers: [String: String], in path: String) throws(FileError) {
    self.path = path
    try Paths.makeFolder(path, mode: 0o777)
    for (name, text) in headers { try Self.write(Array(text.utf8), to: "\(path)/\(name)") }
  }

  private static func write(_ text: [UInt8], to path: String) throws(FileError) {
    if let old = try? OpenFile(reading: path).readHead(upTo: text.count + 1), old == text { return }
    _ = try replaceFile(path) { (temporary) throws(FileError) in
      try OpenFile(creating: temporary, mode: 0o644).write(text)
      return true
    }
  }
}

/// The text of `ambit.h`, which is part of the host's binary.
package enum PluginHeaderText {
  package static var value: String { unsafe String(cString: cambit_header_text) }
}
