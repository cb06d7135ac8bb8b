import Foundation
import TestSupport

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
      case .sample(let name, let language):
        try await CompiledPlugins.shared.library(of: Places.sample(name, language: language))
      case .probe(let name): try await CompiledPlugins.shared.library(of: Places.probe(name))
      case .fixture(let name): try await CompiledPlugins.shared.library(of: Places.fixture(name))
      case .source(let text, let name, let language, let flags):
        try await compiled(text, as: "\(name).\(language)", flags)
      case .bytes(let bytes, _): Data(bytes)
      }
    try library.write(to: directory.appending(path: "\(name).so"), options: .atomic)
  }

  private func compiled(_ text: String, as name: String, _ flags: [String]) async throws -> Data {
    try await withTemporaryFolder { directory in
      try directory.write(text, as: name)
      return try await Compiler.plugin(directory.appending(path: name), flags)
    }
  }
}

/// Compiles each source file once, however many tests use it.
private actor CompiledPlugins {
  static let shared = CompiledPlugins()
  private var libraries: [URL: Task<Data, any Error>] = [:]

  func library(of source: URL) async throws -> Data {
    let task = libraries[source] ?? Task { try await Compiler.plugin(source) }
    libraries[source] = task
    return try await task.value
  }
}
