import Foundation
import TestSupport

/// The files of the repository as they lie on disk.
enum Repository {
  /// The names in a folder that are neither hidden nor ignored by git, sorted.
  static func names(in folder: String) throws -> [String] {
    let ignored = try text(of: ".gitignore").split(separator: "\n").map(String.init)
    return try FileManager.default.contentsOfDirectory(atPath: Places.package.appending(path: folder).filePath)
      .filter { !$0.hasPrefix(".") && !ignored.contains($0) }
      .sorted()
  }

  /// The paths of all files below `folder` whose name ends in one of `extensions`.
  static func files(below folder: String, _ extensions: String...) throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: Places.package.appending(path: folder).filePath)
      .filter { path in extensions.contains { path.hasSuffix(".\($0)") } && !path.hasPrefix(".") }
      .map { "\(folder)/\($0)" }
      .sorted()
  }

  static func text(of path: String) throws -> String {
    try String(contentsOf: Places.package.appending(path: path), encoding: .utf8)
  }

  /// The first group of `pattern` in each line of a file where it matches.
  static func matches(of pattern: Regex<(Substring, Substring)>, in path: String) throws -> [String] {
    try text(of: path).split(separator: "\n").compactMap { try pattern.firstMatch(in: $0).map { String($0.1) } }
  }
}
