package import AmbitSystem
internal import CAmbit
internal import Glibc

/// The compilers and their flags, from the environment.
package struct Toolchain: Sendable {
  private let c: [String]
  private let cxx: [String]
  private let cFlags: [String]
  private let cxxFlags: [String]
  private let linkFlags: [String]
  /// The folder for object files while a plugin is built.
  let temporaryFolder: String

  /// Reads CC, CXX, CFLAGS, CXXFLAGS and LDFLAGS, each split at spaces, and TMPDIR. Defaults: `cc`, `c++`, no flags,
  /// `/tmp`.
  package init(environment: [String: String]) {
    func words(_ name: String) -> [String] {
      (environment[name] ?? "").split(separator: " ").map(String.init)
    }
    c = words("CC").isEmpty ? ["cc"] : words("CC")
    cxx = words("CXX").isEmpty ? ["c++"] : words("CXX")
    cFlags = words("CFLAGS")
    cxxFlags = words("CXXFLAGS")
    linkFlags = words("LDFLAGS")
    temporaryFolder = environment["TMPDIR"] ?? "/tmp"
  }

  /// The command that compiles one file. The environment's flags come last, so that they win. -fstack-clash-protection
  /// keeps large frames from stepping over the guard below a fiber's stack; a frame of 32 KiB gets a warning.
  func compile(_ source: String, as language: Language, including headers: String, to object: String) -> [String] {
    let flags = [
      "-c", "-fPIC", "-O2", "-g", "-fvisibility=hidden", "-fstack-clash-protection", "-Wall", "-Wextra",
      "-Wframe-larger-than=32768", "-I", headers,
    ]
    let files = ["-o", object, source]
    return switch language {
    case .c: c + ["-std=gnu17"] + flags + cFlags + files
    case .cxx: cxx + ["-std=gnu++20"] + flags + cxxFlags + files
    }
  }

  /// The command that links the objects. Symbols are bound within the library, so that two generations never mix. An
  /// undefined symbol is an error now instead of at load time, except with a sanitizer, whose functions the host has.
  func link(_ objects: [String], as language: Language, to library: String) -> [String] {
    let driver = language == .cxx ? cxx + cxxFlags : c + cFlags
    let isSanitized = (driver + linkFlags).contains { $0.hasPrefix("-fsanitize") }
    let strictness = isSanitized ? [] : ["-Wl,-z,defs"]
    return driver + ["-shared", "-Wl,-Bsymbolic"] + strictness + ["-o", library] + objects + linkFlags
  }
}

/// The folder of the headers that plugins are compiled with.
package struct PluginHeaders: Sendable {
  package let path: String
  private let names: [String]

  /// Makes the folder at `path` if there is none (its parent must exist), and writes each text of `headers` under its
  /// name. A file that has the text already is not written, so that its time says when the header last changed.
  package init(_ headers: [String: String], in path: String) throws(FileError) {
    self.path = path
    names = headers.keys.sorted()
    try Paths.makeFolder(path, mode: 0o777)
    for (name, text) in headers { try Self.write(Array(text.utf8), to: "\(path)/\(name)") }
  }

  /// The last change of any header, in nanoseconds since 1970.
  func lastChange() throws(FileError) -> Int64 {
    var last = Int64.min
    for name in names { last = max(last, try FileStatus(of: "\(path)/\(name)").modified) }
    return last
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
