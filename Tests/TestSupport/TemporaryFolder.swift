package import Foundation

/// A new folder of one test. It is removed, with everything in it, when the last reference to it goes.
package final class TemporaryFolder: Sendable {
  package let url: URL

  package init() throws {
    url = FileManager.default.temporaryDirectory.appending(path: "ambit-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  package var path: String { url.filePath }

  /// The path of a file in the folder.
  package func path(of name: String) -> String { url.appending(path: name).filePath }

  /// Writes a file in place, as a compiler would, and makes the folders on the way to it.
  /// - Returns: its path.
  @discardableResult
  package func write(_ text: String, to name: String) throws -> String {
    try write(Data(text.utf8), to: name)
  }

  @discardableResult
  package func write(_ bytes: Data, to name: String) throws -> String {
    let file = url.appending(path: name)
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try bytes.write(to: file)
    return file.filePath
  }
}

/// Hands a new folder to `body`, and removes it when `body` has ended.
package func withTemporaryFolder<Value>(_ body: (URL) async throws -> Value) async throws -> Value {
  let folder = try TemporaryFolder()
  defer { withExtendedLifetime(folder) {} }
  return try await body(folder.url)
}

extension URL {
  /// The path as the file system takes it.
  package var filePath: String { path(percentEncoded: false) }

  /// Writes `text` to the file `name` in this folder, in one step.
  package func write(_ text: String, as name: String) throws {
    try write(bytes: Array(text.utf8), as: name)
  }

  /// Writes a script for the shell, which can be run at once. Another process writes it: children that other tests
  /// start just then could inherit the open file, and a program that is open for writing cannot be run.
  package func writeScript(_ text: String, as name: String) throws {
    let script = ["-c", "printf '%s\\n' '#!/bin/sh' \"$1\" >\"$2\" && chmod 755 \"$2\"", "sh", text, name]
    let result = try run("sh", script, in: self)
    if result.status != .exited(0) { throw CocoaError(.fileWriteUnknown) }
  }

  package func write(bytes: [UInt8], as name: String) throws {
    try Data(bytes).write(to: appending(path: name), options: .atomic)
  }
}
