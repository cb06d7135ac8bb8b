import Foundation

/// A directory of one test, removed with all that is in it when the last reference goes.
final class TemporaryDirectory: Sendable {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appending(path: "ambit-header-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(at: url)
  }

  /// The path of a file of the directory.
  func path(_ name: String) -> String { url.appending(path: name).path }

  /// Writes a file and returns its name, by which a program that runs in the directory finds it.
  func write(_ text: String, as name: String) throws -> String {
    try text.write(toFile: path(name), atomically: false, encoding: .utf8)
    return name
  }
}
