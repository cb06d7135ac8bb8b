import Foundation

/// A fresh directory that is gone when `body` has ended.
func withTemporaryDirectory<Value>(_ body: (URL) async throws -> Value) async throws -> Value {
  let directory = FileManager.default.temporaryDirectory.appending(path: "ambit-e2e-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: directory) }
  return try await body(directory)
}

extension URL {
  /// The path as the file system takes it.
  var filePath: String { path(percentEncoded: false) }

  /// Writes `text` to the file `name` in this directory, in one step.
  func write(_ text: String, as name: String) throws {
    try write(bytes: Array(text.utf8), as: name)
  }

  func write(bytes: [UInt8], as name: String) throws {
    try Data(bytes).write(to: appending(path: name), options: .atomic)
  }
}
