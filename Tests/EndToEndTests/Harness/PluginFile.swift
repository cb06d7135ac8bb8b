import Foundation

/// A plugin that a test drops into a host's directory.
enum PluginFile: Sendable {
  /// A sample of `Plugins/`, in C unless said otherwise.
  case sample(String, language: String = "c")
  /// A plugin of `Tests/EndToEndTests/Plugins/`.
  case probe(String)
  /// A plugin of `Tests/Fixtures/`, named after the rule it breaks.
  case fixture(String)
  /// Source that the test gives, in C unless said otherwise, with flags for the compiler.
  case source(String, name: String, language: String = "c", flags: [String] = [])
  /// Any bytes, to be taken for a plugin.
  case bytes([UInt8], name: String)

  var name: String {
    switch self {
    case .sample(let name, _), .probe(let name), .fixture(let name), .source(_, let name, _, _), .bytes(_, let name):
      name
    }
  }

  /// Puts `NAME.so` into `directory`, renamed into place: a host may have the old file open.
  func install(in directory: URL) async throws {
    let library: Data =
      switch self {
      case .sample(let name, let language): try await Compiler.shared.compiled(Places.sample(name, language: language))
      case .probe(let name): try await Compiler.shared.compiled(Places.probe(name))
      case .fixture(let name): try await Compiler.shared.compiled(Places.fixture(name))
      case .source(let text, let name, let language, let flags):
        try await compiled(text, as: "\(name).\(language)", flags)
      case .bytes(let bytes, _): Data(bytes)
      }
    try library.write(to: directory.appending(path: "\(name).so"), options: .atomic)
  }

  private func compiled(_ text: String, as name: String, _ flags: [String]) async throws -> Data {
    try await withTemporaryDirectory { directory in
      try directory.write(text, as: name)
      return try await compile(directory.appending(path: name), flags)
    }
  }
}

/// Compiles each source file once, however many tests use it.
private actor Compiler {
  static let shared = Compiler()
  private var libraries: [URL: Task<Data, any Error>] = [:]

  func compiled(_ source: URL) async throws -> Data {
    let task = libraries[source] ?? Task { try await compile(source) }
    libraries[source] = task
    return try await task.value
  }
}

/// The shared library made of one source file, with the command that the README shows and stricter warnings. `CC`,
/// `CXX`, `CFLAGS` and `CXXFLAGS` count as usual: by them a sanitizer run has its plugins instrumented.
private func compile(_ source: URL, _ flags: [String] = []) async throws -> Data {
  let isC = source.pathExtension == "c"
  let variables = ProcessInfo.processInfo.environment
  let compiler = variables[isC ? "CC" : "CXX"] ?? (isC ? "cc" : "c++")
  let extra = variables[isC ? "CFLAGS" : "CXXFLAGS"]?.split(separator: " ").map(String.init) ?? []
  let language = isC ? ["-std=c11", "-D_GNU_SOURCE"] : ["-std=c++20"]
  return try await withTemporaryDirectory { directory in
    let library = directory.appending(path: "plugin.so")
    let strict = [
      "-shared", "-fPIC", "-fstack-clash-protection", "-g", "-Wall", "-Wextra", "-Werror", "-I",
      Places.headers.filePath,
    ]
    let files = ["-o", library.filePath, source.filePath]
    let result = try await run(compiler, language + strict + extra + flags + files)
    guard result.status == .exited(0) else { throw HarnessError.commandFailed(result.errors) }
    return try Data(contentsOf: library)
  }
}
