import Foundation
import TestSupport

/// A plugin in Swift, built as the page on writing plugins says: the entry in C, the handlers in Swift.
struct SwiftPlugin: Sendable {
  let name: String
  /// The functions that answer GET requests for their own names: `greet` answers `GET /greet`. Or other patterns.
  let routes: [(pattern: String, handler: String)]
  /// More fields of the entry: ".flags = AMBIT_PLUGIN_THREADS".
  var fields = ""
  /// For `swiftc`.
  var flags: [String] = []
  /// Swift, after `prelude`.
  let handlers: String

  /// Whether such plugins can be built and loaded here.
  static var isSupported: Bool { Places.tool("swiftc") != nil && !Places.isSanitized }

  /// The runtime that `-static-stdlib` links, if the toolchain has it.
  static var staticRuntime: URL? {
    guard let compiler = Places.tool("swiftc") else { return nil }
    let folder = URL(filePath: compiler).resolvingSymlinksInPath().deletingLastPathComponent()
      .appending(path: "../lib/swift_static/linux/libswiftCore.a")
    return FileManager.default.fileExists(atPath: folder.filePath) ? folder : nil
  }

  init(
    _ name: String, _ handlers: String..., patterns: [(pattern: String, handler: String)] = [], fields: String = "",
    flags: [String] = [], source: String
  ) {
    self.name = name
    routes = handlers.map { ("GET /\($0)", $0) } + patterns
    self.fields = fields
    self.flags = flags
    self.handlers = source
  }

  /// What the tests' handlers share.
  private static let prelude = """
    public typealias Scope = UnsafeMutablePointer<ambit_scope>

    func respond(_ scope: Scope, _ text: String) -> Int32 {
      ambit_respond(scope, 200, "text/plain", text, text.utf8.count)
    }

    func query(_ scope: Scope, _ name: String) -> String {
      let value = ambit_query(scope, name)
      return String(decoding: UnsafeRawBufferPointer(start: value.ptr, count: value.len), as: UTF8.self)
    }

    """

  private var entry: String {
    """
    #include <ambit.h>
    \(routes.map { "int32_t \($0.handler)(ambit_scope *scope);" }.joined(separator: "\n"))
    static const ambit_route routes[] = {
    \(routes.map { "    {.pattern = \"\($0.pattern)\", .handler = \($0.handler)}," }.joined(separator: "\n"))
    };
    \(fields.contains(".start") ? "int32_t start(ambit_scope *plugin);" : "")
    AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "\(name)", .routes = routes, .route_count = \(routes.count), \(fields)};
    """
  }

  /// Builds it, and puts `NAME.so` into `plugins`, renamed into place.
  func install(in plugins: URL) async throws {
    try await withTemporaryFolder { directory in
      try directory.write(entry, as: "entry.c")
      try directory.write(Self.prelude + handlers, as: "my.swift")
      let (header, include) = (Places.headers.appending(path: "ambit.h").filePath, Places.headers.filePath)
      let commands = [
        ["cc", "-c", "-fPIC", "-fstack-clash-protection", "-I", include, "entry.c"],
        ["swiftc", "-O", "-emit-library", "-import-objc-header", header] + flags
          + ["my.swift", "entry.o", "-o", "my.so"],
      ]
      for words in commands {
        let result = try await run(words[0], Array(words.dropFirst()), in: directory, limit: .seconds(900))
        guard result.status == .exited(0) else { throw HarnessError.commandFailed(result.errors) }
      }
      let library = try Data(contentsOf: directory.appending(path: "my.so"))
      try library.write(to: plugins.appending(path: "\(name).so"), options: .atomic)
    }
  }
}
