import Foundation
import Glibc
import TestSupport
import Testing

/// Reloads of a host whose plugins run in several worker processes, under load. `AMBIT_RELOADS` says how many reloads;
/// the default is few. The test without a kill is meant for 200, that with kills for 50.
@Suite struct `Reloads over workers` {
  private static let wanted = ProcessInfo.processInfo.environment["AMBIT_RELOADS"].flatMap { Int($0) }
  private static let configuration = "threads = 1\nsettle = '0s'\n"

  @Test
  func `Reloads under load lose no request, close no connection, and no worker answers with an old version later`()
    async throws
  {
    let cycles = min(Self.wanted ?? 12, 200)
    let versions = try await Versions(flags: "0")
    try await withHost(
      [versions.plugin(0)], configuration: Self.configuration + "workers = 2", isSingle: false, limit: .seconds(900)
    ) { host in
      let clients = VersionClients(of: host, "/version", kept: 6, fresh: 2)
      for number in 1...cycles {
        try Replacement.byRename.put(versions.bytes(number), at: host.plugins.appending(path: "version.so"))
        #expect(try await host.reloadOnRequest().field("changed") == "1")
        let done = ContinuousClock.now
        try await clients.round()
        #expect(clients.present.lastBeginnings[Versions.text(number - 1)].map { $0 < done } ?? true)
        #expect(clients.present.lastBeginnings[Versions.text(number)] != nil)
      }
      let record = await clients.stop()
      #expect(record.failures.isEmpty, "\(record.failures)")
      #expect(record.closedConnections == 0)
      #expect(record.answers > cycles * 64)
    }
  }

  /// Which workers are killed during a reload.
  enum Victims: Sendable { case only, one, both }

  @Test(arguments: [Victims.only, .one, .both])
  func `After a reload during which a worker is killed all answers are of the new version, and no later request fails`(
    victims: Victims
  ) async throws {
    let cycles = min(Self.wanted ?? 4, 50)
    let versions = try await Versions(flags: "0")
    let count = victims == .only ? 1 : 2
    try await withHost(
      [versions.plugin(0)], configuration: Self.configuration + "workers = \(count)\ncrash_window = '1s'",
      isSingle: false, limit: .seconds(900)
    ) { host in
      var random = SeededGenerator(seed: 16)
      let clients = VersionClients(of: host, "/version", kept: 4, fresh: 2)
      var (died, known) = (ContinuousClock.now, 0)
      for number in 1...cycles {
        let killed = try await host.workers().sorted { $0.key < $1.key }.filter {
          victims != .one || $0.key == number % 2 + 1
        }
        let position = host.log.position
        try Replacement.byRename.put(versions.bytes(number), at: host.plugins.appending(path: "version.so"))
        async let reload = host.reloadOnRequest()
        try await Task.sleep(for: .milliseconds(random.number(0...120)))
        for worker in killed { kill(worker.value, SIGKILL) }
        #expect(try await reload.field("changed") == "1", "seed 16, cycle \(number)")
        let done = ContinuousClock.now
        let ends = try await host.log.lines(killed.count, after: position) { $0.contains(" died: SIGKILL") }
        _ = try await host.log.lines(killed.count, after: position) { $0.contains("serves again") }
        let failures = clients.present.failures.dropFirst(known)
        known += failures.count
        died = ends.map(\.arrival).max() ?? died
        #expect(
          failures.allSatisfy { $0.began < died }, "only what was in flight in a dead worker is lost: \(failures)")
        try await clients.round()
        #expect(clients.present.lastBeginnings[Versions.text(number - 1)].map { $0 < done } ?? true)
        #expect(clients.present.lastBeginnings[Versions.text(number)] != nil)
      }
      let record = await clients.stop()
      #expect(record.failures.count <= cycles * 6, "\(record.failures)")
    }
  }

  @Test func `A worker that is killed while it starts the new generation gets it in its next process`() async throws {
    let waits = """
      if (!is_dry_run) {
        dprintf(2, "start begins in worker %u\\n", worker->index);
        while (access("go", F_OK) != 0) usleep(2000);
      }
      """
    try await withHost([.placed("one")], configuration: "threads = 1\nworkers = 2", isSingle: false) { host in
      let workers = try await host.workers()
      try await PluginFile.placed("two", start: waits).install(in: host.plugins)
      async let reload = host.reloadOnRequest()
      _ = try await host.log.lines(2) { $0.contains("start begins in worker") }
      kill(try #require(workers[1]), SIGKILL)
      try await host.log.line(containing: "worker 1 died: SIGKILL")
      try host.directory.write("", as: "go")
      #expect(try await reload.field("changed") == "1")
      try await host.log.line(containing: "worker 1 serves again")
      #expect(try await host.answers("/place", ofWorkers: 2) == [1: "two\n", 2: "two\n"])
    }
  }

  @Test(arguments: [(1, "SIGSTOP"), (2, "SIGSTOP"), (2, "ptrace")])
  func `A worker that is stopped during a reload is replaced, and the others go on`(
    count: Int, how: String
  ) async throws {
    try await withHost([.placed("one")], configuration: "threads = 1\nworkers = \(count)", isSingle: false) { host in
      let stopped = try #require(try await host.workers()[count])
      if how == "ptrace" {
        try await host.hold(stopped, worker: count)
      } else {
        kill(stopped, SIGSTOP)
        try await host.log.line(containing: "worker \(count) (pid \(stopped)) was stopped by SIGSTOP")
      }
      try await PluginFile.placed("two").install(in: host.plugins)
      #expect(try await host.reloadOnRequest().field("changed") == "1")
      let reason = "is stopped, so it cannot follow the other workers: it is ended, and another one takes its place"
      try await host.log.line(containing: "worker \(count) (pid \(stopped)) \(reason)")
      try await host.log.line(containing: "worker \(count) serves again")
      #expect(try await host.answers("/place", ofWorkers: count).values.allSatisfy { $0 == "two\n" })
      let workers = try await host.adminJSON("/status").objects("workers")
      #expect(workers.allSatisfy { $0.number("crashes") == 0 }, "the supervisor has ended it")
    }
  }

  @Test func `A plugin that fails in one worker keeps its last good generation in all, and the others proceed`()
    async throws
  {
    let fails = """
      if (worker->index == 2) return ambit_fail(plugin, AMBIT_FAILED, "not here");
      """
    try await withHost([.placed("one")], configuration: "threads = 1\nworkers = 2", isSingle: false) { host in
      try await PluginFile.placed("two", start: fails).install(in: host.plugins)
      try await PluginFile.sample("hello").install(in: host.plugins)
      let reload = try await ambit("reload", in: host.directory)
      #expect(reload.status == .exited(1))
      let reason = "in worker 2, not in all: start returned AMBIT_FAILED: not here"
      #expect(reload.text.contains("  plugin placed (Plugins/placed.so): \(reason)"), "\(reload.text)")
      #expect(reload.text.contains("added   hello/1"), "\(reload.text)")
      try await host.log.line { $0.contains("ERROR") && $0.contains(reason) }
      #expect(try await host.answers("/place", ofWorkers: 2) == [1: "one\n", 2: "one\n"])
      for _ in 0..<8 { #expect(try await host.get("/hello/World").status == 200) }

      try await PluginFile.placed("three").install(in: host.plugins)
      #expect(try await host.reloadOnRequest().field("changed") == "1")
      #expect(try await host.answers("/place", ofWorkers: 2) == [1: "three\n", 2: "three\n"])
    }
  }
}

extension Host {
  /// Has another process hold a worker by ptrace(2), as a debugger does, until the worker is ended, and waits until the
  /// supervisor has noticed.
  fileprivate func hold(_ pid: pid_t, worker index: Int) async throws {
    let program = directory.appending(path: "trace").filePath
    let source = Places.package.appending(path: "Tests/EndToEndTests/Programs/trace.c").filePath
    try await Compiler.c.compile(["-Wall", "-Werror", "-o", program, source])
    let nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC)
    let tracer = try RunningCommand(program, ["\(pid)"], in: directory, output: nowhere, errors: nowhere)
    let line = try await log.line(containing: "worker \(index) (pid \(pid)) is held by process \(tracer.pid) (trace)")
    #expect(line.contains("WARNING"), "\(line)")
    #expect(try await adminJSON("/status").objects("workers")[index - 1].text("state") == "stopped")
  }
}
