import Foundation

/// The files under test, and the programs that are written against them.
enum Sources {
  static let include = target.appending(path: "include")

  /// A source of the C target itself, by name.
  static func ofTarget(_ name: String) -> String { target.appending(path: name).path }

  /// A program of this test target, by name.
  static func program(_ name: String) -> String {
    here.appending(path: "Programs/\(name)").path
  }

  private static let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  private static let target = here.deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Sources/CAmbit")
}
