import Foundation
import Glibc
import TestSupport
import Testing

/// What happens around a host with workers: its files go, its processes are stopped, the system has nothing more to
/// give, the clock is set.
@Suite struct `Faults of the machine` {
  /// The process of a worker, by its place from 1.
  private func worker(_ index: Int = 1, of host: Host) async throws -> pid_t {
    let workers = try await host.adminJSON("/status").objects("workers")
    return try pid_t(#require(workers[index - 1].number("pid")))
  }

  private func greets(_ host: Host) async throws -> Bool { try await host.get("/hello/World").text == "Hello, World!\n" }

  /// The device and inode of the file that a process runs.
  private func program(of process: pid_t) throws -> [UInt64] {
    var status = stat()
    guard stat("/proc/\(process)/exe", &status) == 0 else {
      throw SystemCallError(call: "stat of the program of \(process)", code: errno)
    }
    return [UInt64(status.st_dev), UInt64(status.st_ino)]
  }

  @Test(arguments: ["rm program", "mv program elsewhere", "mv other program", "mv program elsewhere; mv other program"])
  func `The successor of a worker is the same program, whatever has become of the host's file`(change: String)
    async throws
  {
    let start = "ln \"$0\" program 2>/dev/null || cp \"$0\" program; exec ./program \"$@\""
    try await withHost([.sample("hello")], configuration: "threads = 1", isSingle: false, wrapper: ["sh", "-c", start]) {
      host in
      try host.directory.write("#!/bin/sh\ntouch other-has-run\n", as: "other")
      #expect(try await run("sh", ["-c", "chmod +x other; \(change)"], in: host.directory).status == .exited(0))
      kill(try await worker(of: host), SIGKILL)
      try await host.log.line(containing: "serves again")
      #expect(try await greets(host))
      #expect(try program(of: await worker(of: host)) == program(of: host.child.pid))
      try await PluginFile.sample("simple_service").install(in: host.plugins)
      try await host.reload()
      #expect(try await host.get("/simple").status == 200, "a dry run is the same program, too")
      #expect(!FileManager.default.fileExists(atPath: host.directory.appending(path: "other-has-run").filePath))
    }
  }

  @Test func `A supervisor that was stopped and continued replaces a worker that has died meanwhile`() async throws {
    try await withHost([.sample("hello")], configuration: "threads = 1", isSingle: false) { host in
      let first = try await worker(of: host)
      host.child.signal(SIGSTOP)
      #expect(try await greets(host), "the workers serve on")
      kill(first, SIGKILL)
      try await eventually(until: { $0 }) {
        try String(contentsOfFile: "/proc/\(first)/stat", encoding: .utf8).contains(") Z ")
      }
      let waiting = try host.connect()
      try await waiting.send("GET /hello/World HTTP/1.1\r\nHost: ambit\r\n\r\n")
      host.child.signal(SIGCONT)
      #expect(try await waiting.response().text == "Hello, World!\n")
      try await host.log.line(containing: "serves again")
    }
  }

  @Test func `A worker that the system has no descriptors for is tried again, and serves when there are some`()
    async throws
  {
    try await withHost([.sample("hello")], configuration: "threads = 1", isSingle: false) { host in
      let first = try await worker(of: host)
      let supervisor = "--pid=\(host.child.pid)"
      #expect(try await run("prlimit", [supervisor, "--nofile=8:"]).status == .exited(0))
      kill(first, SIGKILL)
      _ = try await host.log.lines(3) { $0.contains(" ERROR worker 1 does not start: ") }
      #expect(try await run("prlimit", [supervisor, "--nofile=1024:"]).status == .exited(0))
      #expect(try await greets(host), "a connection waits until a worker serves")
      try await host.log.line(containing: "serves again")
    }
  }

  @Test func `Nothing depends on the time of day, which may be set back and forth`() async throws {
    let clock = """
      #include <stdatomic.h>
      #include <sys/syscall.h>
      #include <time.h>
      #include <unistd.h>
      __attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *time) {
        static atomic_uint calls;
        int result = (int)syscall(SYS_clock_gettime, clock, time);
        if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
          time->tv_sec += atomic_fetch_add(&calls, 1) % 2 == 0 ? 100000 : -100000;
        return result;
      }
      """
    try await withHost(
      [.sample("hello")], configuration: "workers = 2\nthreads = 1",
      libraries: [.source(clock, name: "clock")], environment: ["LD_PRELOAD": "./clock.so"], isSingle: false
    ) { host in
      let client = try host.connect()
      for _ in 0..<3 {
        try await client.send("GET /hello/World HTTP/1.1\r\nHost: ambit\r\n\r\n")
        #expect(try await client.response().text == "Hello, World!\n")
        try await host.reload()
      }
      kill(try await worker(2, of: host), SIGKILL)
      let line = try await host.log.line(containing: "serves again")
      #expect(try #require(line.field("ms").flatMap { Int($0) }) < 60_000)
      #expect(try await greets(host))
      let days = Set(host.log.all.map { $0.text.prefix(10) }.filter { $0.hasPrefix("20") })
      #expect(days.count > 1, "the time of day has jumped")
      #expect(await host.stop() == .exited(0))
    }
  }

  @Test func `A host whose admin socket, private and state folders were deleted serves on, and makes them again`()
    async throws
  {
    try await withHost([.sample("hello")], configuration: "threads = 1", isSingle: false) { host in
      let first = try await worker(of: host)
      for path in ["private", "state", ".ambit.sock"] {
        #expect(try await run("rm", ["-r", path], in: host.directory).status == .exited(0))
      }
      kill(first, SIGKILL)
      try await host.log.line(containing: "serves again")
      #expect(try await greets(host))
      try await host.reload()
      #expect(try await greets(host))
      #expect(try await host.adminJSON("/status").objects("workers").count == 1)
      let position = host.log.position
      try await PluginFile.sample("simple_service").install(in: host.plugins)
      try await host.reload()
      try await host.log.line(after: position, containing: "plugin added")
      #expect(try await host.get("/simple").status == 200)
      for path in ["private", "state"] {
        let folder = host.directory.appending(path: path).filePath
        #expect(try !FileManager.default.contentsOfDirectory(atPath: folder).isEmpty, "\(path)")
      }
    }
  }

  @Test(
    .enabled("mounting is not allowed here") { try await run("unshare", ["-rm", "true"]).status == .exited(0) })
  func `A host whose private and state folders are full serves on, also after the death of its worker`() async throws {
    try await HostSlots.shared.use {
      try await withTemporaryFolder { directory in
        let http = "unix:\(directory.filePath)/http.sock"
        try await populate(directory, with: [.sample("hello")])
        try await PluginFile.sample("simple_service").install(in: directory)
        try FileManager.default.createDirectory(
          at: directory.appending(path: "disk"), withIntermediateDirectories: false)
        try directory.write("listen = ['\(http)']\nprivate = 'disk/private'\ntrust = 'any'\nthreads = 1\n", as: "host.conf")
        let script = """
          mount -t tmpfs -o size=4m none disk && mkdir disk/private disk/state || exit 2
          get() { curl -sS --unix-socket http.sock "http://ambit$1" || echo failed; }
          STATE_DIRECTORY=$PWD/disk/state "$0" serve 2>log & host=$!
          until grep -q ' serving pid=' log; do kill -0 $host || break; sleep 0.01; done
          dd if=/dev/zero of=disk/rest bs=1k 2>/dev/null
          kill -9 $(cat /proc/$host/task/*/children)
          get /hello/World
          cp simple_service.so Plugins/
          "$0" reload >/dev/null; echo "reload $?"
          get /hello/World
          rm disk/rest; "$0" reload >/dev/null; echo "reload $?"
          get /simple; kill $host; wait $host; echo "status $?"; cat log
          """
        let result = try await run(
          "unshare", ["-rm", "sh", "-c", script, Places.ambit.filePath], in: directory,
          environment: folderVariables(directory))
        let expected = "Hello, World!\nreload 1\nHello, World!\nreload 0\nstatus 0\n"
        #expect(result.text.hasPrefix(expected), "\(result.text)\(result.errors)")
        #expect(result.text.contains("serves again") && result.text.contains("No space left on device"))
      }
    }
  }
}
