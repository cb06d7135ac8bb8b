import Foundation
import Glibc
import TestSupport
import Testing

/// What workers and dry runs give up before they run code of plugins, besides their user: `no_new_privileges`,
/// `[worker_limits]` and `writable`.
@Suite struct `Confined workers` {
  // Privileges and limits.

  @Test func `New privileges and the kernel's limits end with a reload, in workers and dry runs`() async throws {
    try await withHost([.probe("confined")], configuration: "threads = 1") { host in
      #expect(try await host.identity().contains(" new_privileges=yes "))
      let limits = "memory = '64GiB'\nprocesses = 30000\nopen_files = 500\ncore = '4KiB'\nfile_size = '1GiB'"
      try host.configure("threads = 1\nno_new_privileges = true\n[worker_limits]\n\(limits)")
      // Another content of the same plugin, so that it has a dry run.
      let text = try String(contentsOf: Places.probe("confined"), encoding: .utf8)
      let source = text.replacing("#include \"probe.h\"", with: "#include <ambit.h>\n#include <unistd.h>")
      try await PluginFile.source(source + "AMBIT_EXPORT int another;\n", name: "confined").install(in: host.plugins)
      try await host.reload()
      let expected = "68719476736/68719476736 30000/30000 500/500 4096/4096 1073741824/1073741824"
      // The worker before may still accept a connection.
      try await eventually(until: { $0 == expected + "\n" }) { try await host.get("/limits").text }
      try await eventually(until: { $0.contains(" new_privileges=no ") }) { try await host.identity() }
      #expect(try Host.processStatus(#require(try await host.workers()[1]), "NoNewPrivs") == ["1"])
      #expect(try host.dryRunLine("limits ").contains("limits \(expected)"))
    }
  }

  @Test func `A limit above that of the host is refused, with both values`() async throws {
    try await withTemporaryFolder { folder in
      try folder.write("listen = ['127.0.0.1:0']\n[worker_limits]\nopen_files = 2000000", as: "host.conf")
      let drop = geteuid() == 0 ? "exec setpriv --bounding-set=-sys_resource" : "exec"
      let script = "ulimit -n 4096; \(drop) \(Places.ambit.filePath) serve"
      let result = try await run("sh", ["-c", script], in: folder)
      #expect(result.status == .exited(1))
      let message = "worker_limits.open_files: expected at most 4096, the limit of the host itself, found 2000000"
      #expect(result.errors.contains(message), "\(result.errors)")
    }
  }

  @Test func `The single process warns of keys that cannot confine it`() async throws {
    let configuration = "threads = 1\nno_new_privileges = true\n[worker_limits]\ncore = 0"
    try await withHost([.probe("confined")], configuration: configuration, isSingle: true) { host in
      let line = try await host.log.line(containing: "--single runs plugins in the process of the host")
      #expect(line.contains("no_new_privileges, worker_limits.core have no effect"), "\(line)")
    }
  }

  // The file system.

  @Test(.enabled("the kernel has no Landlock") { await kernelHasLandlock() })
  func `Workers and dry runs change only the files that writable names`() async throws {
    try await withTemporaryFolder { data in
      let allowed = "\(data.filePath)/allowed"
      for name in ["allowed", "other"] {
        try FileManager.default.createDirectory(at: data.appending(path: name), withIntermediateDirectories: false)
      }
      let table = "[plugin.confined]\npath = '\(data.filePath)/other/at-start'"
      try await withHost(
        [.probe("confined")], configuration: "threads = 1\nwritable = ['\(allowed)']\n\(table)"
      ) { host in
        let start = try await host.log.line(containing: "start: ")
        for line in [start, try host.dryRunLine("start: ")] {
          #expect(line.contains("start: Permission denied"), "\(line)")
        }
        for (path, result) in [
          ("\(allowed)/new", "written"), ("/dev/null", "written"), ("\(data.filePath)/other/new", "Permission denied"),
          ("/dev/shm/ambit-confinement-test", "Permission denied"),
        ] {
          #expect(try await host.get("/write?path=\(path)").text == "\(result)\n", "\(path)")
        }
        for path in ["\(allowed)/new", "/proc/self/environ", "/etc/passwd"] {
          #expect(try await host.get("/read?path=\(path)").text == "read\n", "\(path)")
        }
        #expect(try await host.identity().contains(" new_privileges=no "))
        #expect(try await host.get("/hold").status == 200)
        let stall = try await host.log.line(containing: "event loop blocked for")
        #expect(stall.contains("(confined.1."), "\(stall)")
        _ = try? await host.get("/crash")
        let crash = try await host.log.line(containing: "CRITICAL")
        #expect(crash.contains("crashes+0x"), "\(crash)")
        try await host.expectNewWorker(afterDeathBy: "SIGSEGV")

        try host.configure("threads = 1\n\(table)")
        try await host.reload()
        try await eventually(until: { $0 == "written\n" }) {
          try await host.get("/write?path=\(data.filePath)/other/new").text
        }
      }
    }
  }

  @Test(.enabled("filters are not allowed here") { await filtersAreAllowed() }, arguments: ["EPERM", "ENOSYS"])
  func `Without Landlock the host warns that files stay writable, and serves`(error: String) async throws {
    try await withDenied("landlock_create_ruleset", error) { wrapper in
      try await withHost([.probe("confined")], configuration: "threads = 1\nwritable = []", wrapper: wrapper) { host in
        let line = try #require(host.log.lines { $0.contains("writable has no effect") }.first)
        #expect(line.contains(" WARNING "), "\(line)")
        let path = host.directory.appending(path: "new").filePath
        #expect(try await host.get("/write?path=\(path)").text == "written\n")
      }
    }
  }

  @Test func `A path of writable that does not exist is refused`() async throws {
    try await withTemporaryFolder { folder in
      try folder.write("listen = ['127.0.0.1:0']\nwritable = ['missing']", as: "host.conf")
      let result = try await ambit("serve", in: folder)
      #expect(result.status == .exited(1))
      let message = "host.conf: writable: expected the path of a file or a folder, found \"missing\": there is none"
      #expect(result.errors.contains(message), "\(result.errors)")
    }
  }
}
