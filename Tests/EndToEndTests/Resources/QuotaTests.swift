import Foundation
import Glibc
import TestSupport
import Testing

/// A host whose control group has a quota of CPU time, as a container engine sets it.
@Suite struct `A CPU quota` {
  /// The hierarchy of version 1, where this machine has it and lets the test make groups.
  private static let hierarchy = URL(filePath: "/sys/fs/cgroup/cpu")

  private static func canLimit() -> Bool {
    let probe = hierarchy.appending(path: "ambit-probe-\(UUID().uuidString)")
    guard FileManager.default.fileExists(atPath: hierarchy.appending(path: "cpu.cfs_quota_us").filePath),
      mkdir(probe.filePath, 0o755) == 0
    else { return false }
    return rmdir(probe.filePath) == 0
  }

  @Test(.enabled("no control groups of version 1 can be made here") { canLimit() })
  func `The host has as many event loops as the quota of a group above its own is worth CPUs`() async throws {
    let outer = Self.hierarchy.appending(path: "ambit-\(UUID().uuidString)")
    let inner = outer.appending(path: "inner")
    try #require(mkdir(outer.filePath, 0o755) == 0 && mkdir(inner.filePath, 0o755) == 0)
    defer {
      rmdir(inner.filePath)
      rmdir(outer.filePath)
    }
    try Data("50000".utf8).write(to: outer.appending(path: "cpu.cfs_quota_us"))
    let wrapper = ["sh", "-c", "echo $$ > \(inner.filePath)/cgroup.procs && exec \"$@\"", "sh"]
    try await withHost([.sample("hello")], configuration: "", wrapper: wrapper) { host in
      #expect(try await host.log.line(containing: "serving pid").field("threads") == "1")
      if ProcessInfo.processInfo.activeProcessorCount > 1 {
        let line = try await host.log.line(containing: "CPU quota of the control group is worth 0.5 CPUs")
        #expect(line.contains("so the host has 1 event loop;"), "\(line)")
      }
      #expect(try await host.get("/hello/World").text == "Hello, World!\n")
      #expect(await host.stop() == .exited(0))
    }
  }
}
