import Foundation

/// A new folder that is removed with everything in it when the object ends.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("ambit-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file in place, as a compiler would, and makes folders on the way to it.
  /// - Returns: its path.
  @discardableResult
  func write(_ text: String, to name: String) throws -> String {
    try write(Data(text.utf8), to: name)
  }

  @discardableResult
  func write(_ bytes: Data, to name: String) throws -> String {
    let url = URL(fileURLWithPath: path).appendingPathComponent(name)
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try bytes.write(to: url)
    return url.path
  }

  /// Sets the time of the last change to `age` seconds ago.
  func setAge(_ age: TimeInterval, of name: String) throws {
    let attributes = [FileAttributeKey.modificationDate: Date(timeIntervalSinceNow: -age)]
    try FileManager.default.setAttributes(attributes, ofItemAtPath: "\(path)/\(name)")
  }
}
