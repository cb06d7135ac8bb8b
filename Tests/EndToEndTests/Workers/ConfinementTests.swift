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
      let threads = try Host.threads(of: #require(try await host.workers()[1]))
      #expect(try threads.allSatisfy { try Host.processStatus($0, "NoNewPrivs") == ["1"] }, "also those of the host")
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

  @Test func `A limit of descriptors that leaves clients none is refused, and the least one serves`() async throws {
    func configuration(_ count: String) -> String { "threads = 2\n[worker_limits]\nopen_files = \(count)" }
    let least = try await withTemporaryFolder { folder in
      try await populate(folder, with: [.sample("hello")], configuration: configuration("30"))
      var texts: [String] = []
      for command in ["check", "serve"] {
        let result = try await ambit(command, in: folder)
        let message =
          /host\.conf:4:1: worker_limits\.open_files: expected 0, or at least ([0-9]+), so that .*, found 30/
        #expect(result.status == .exited(78), "\(result)")
        texts.append(String(try #require(result.errors.firstMatch(of: message)?.1)))
      }
      #expect(texts[0] == texts[1])
      return texts[0]
    }
    try await withHost([.sample("hello")], configuration: configuration(least), wrapper: inheriting(0)) { host in
      let clients = try (0..<4).map { _ in try host.connect() }
      defer { for client in clients { client.close() } }
      for client in clients {
        try await client.send("GET /hello/World HTTP/1.1\r\nHost: ambit\r\n\r\n")
        #expect(try await client.response().status == 200)
      }
    }
    try await withTemporaryFolder { folder in
      try await populate(folder, with: [], configuration: configuration(least))
      let words = inheriting(12) + [Places.ambit.filePath, "serve"]
      let result = try await run(words[0], Array(words.dropFirst()), in: folder)
      let message = "worker 1 does not start: worker_limits.open_files: expected 0, or at least "
      #expect(result.status == .exited(1) && result.errors.contains(message), "\(result)")
    }
  }

  /// Words that run the command behind them with so many open descriptors, besides standard streams.
  private func inheriting(_ count: Int) -> [String] {
    let close = "for fd in /proc/self/fd/*; do fd=${fd##*/}; [ $fd -gt 2 ] && eval \"exec $fd>&-\"; done"
    let open = "for ((fd = 20; fd < 20 + \(count); fd++)); do eval \"exec $fd>&1\"; done"
    return ["bash", "-c", "\(close); \(open); exec \"$@\"", "bash"]
  }

  @Test(.enabled(if: geteuid() == 0, "only root can give workers a user with few processes"))
  func `A limit of processes that is too low for a dry run or a worker is named`() async throws {
    let hint =
      "Resource temporarily unavailable; perhaps too low is worker_limits.processes, which is 1, and counts all"
    let tries = [
      ("check", [PluginFile.sample("hello")], "dry run: its process cannot run as workers do: "),
      ("serve", [], "worker 1 does not start: "),
    ]
    for (command, plugins, beginning) in tries {
      try await withTemporaryFolder { folder in
        let configuration = "user = 'nobody'\nadmin = ''\n[worker_limits]\nprocesses = 1"
        try await populate(folder, with: plugins, configuration: configuration)
        let result = try await ambit(command, in: folder)
        #expect(result.status == .exited(1) && result.errors.contains(hint), "\(result)")
        #expect(result.errors.contains(beginning) && !result.errors.contains("CRITICAL"), "\(result)")
      }
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
        #expect(try await host.identity().contains(" new_privileges=no "))
        let path = host.directory.appending(path: "new").filePath
        #expect(try await host.get("/write?path=\(path)").text == "written\n")
      }
    }
  }

  @Test(.enabled("the kernel has no Landlock") { await kernelHasLandlock() })
  func `A writable folder that vanishes keeps no worker from starting, and the log says what to do`() async throws {
    try await withTemporaryFolder { data in
      let folder = data.appending(path: "vanishes")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
      let configuration = "threads = 1\nwritable = ['\(folder.filePath)', '\(data.filePath)/.']"
      try await withHost([.probe("confined")], configuration: configuration) { host in
        try FileManager.default.removeItem(at: folder)
        kill(try #require(try await host.workers()[1]), SIGKILL)
        try await host.log.line(containing: "writable: \(folder.filePath) does not exist any more")
        try await host.expectNewWorker(afterDeathBy: "SIGKILL")
        #expect(try await host.get("/write?path=\(data.filePath)/new").text == "written\n")
        let reload = try await ambit("reload", in: host.directory)
        #expect(reload.text.contains("writable[0]: expected the path of a file or a folder"), "\(reload)")
      }
    }
  }

  @Test(.enabled("the kernel has no Landlock") { await kernelHasLandlock() })
  func `A link in the place of a writable folder widens no rights of the next worker`() async throws {
    try await withTemporaryFolder { data in
      let (outer, outside) = (data.appending(path: "outer"), data.appending(path: "outside"))
      let inner = outer.appending(path: "inner")
      for folder in [outer, outside, inner] {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
      }
      let configuration = "threads = 1\nwritable = ['\(outer.filePath)', '\(inner.filePath)']"
      try await withHost([.probe("confined")], configuration: configuration) { host in
        // As code of a plugin could.
        try FileManager.default.removeItem(at: inner)
        try FileManager.default.createSymbolicLink(at: inner, withDestinationURL: outside)
        kill(try #require(try await host.workers()[1]), SIGKILL)
        let warning = "writable: \(inner.filePath) does not exist any more, or a link is in its place"
        try await host.log.line(containing: warning)
        try await host.expectNewWorker(afterDeathBy: "SIGKILL")
        #expect(try await host.get("/write?path=\(outer.filePath)/new").text == "written\n")
        #expect(try await host.get("/write?path=\(outside.filePath)/new").text != "written\n")
      }
    }
  }
}
