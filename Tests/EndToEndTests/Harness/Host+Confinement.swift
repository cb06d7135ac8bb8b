import Foundation
import Glibc
import TestSupport
import Testing

extension Host {
  /// The line by which the plugin `confined` describes the process that serves.
  func identity() async throws -> String { try await get("/identity").text }

  /// The last line of a dry run so far that contains `part`.
  func dryRunLine(_ part: String) throws -> LogLine {
    try #require(log.all.last { $0.isDryRun && $0.contains(part) })
  }

  /// The numbers of the threads of a process.
  static func threads(of process: pid_t) throws -> [pid_t] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/task").compactMap { pid_t($0) }
  }

  /// The values of a line of `/proc/PID/status`.
  static func processStatus(_ process: pid_t, _ name: String) throws -> [String] {
    let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("\(name):") })
    return line.dropFirst(name.count + 1).split(whereSeparator: \.isWhitespace).map(String.init)
  }
}
