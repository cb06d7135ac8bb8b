import Foundation
import Glibc
import TestSupport
import Testing

/// Systems without some system calls, as under a container engine's filter, without /proc, or without room in files.
@Suite struct `Where the system lacks something` {
  /// Calls that the host, the C library or Swift make and can do without. AddressSanitizer ends the process if two of
  /// them are refused.
  private static let calls = [
    "accept4", "close_range", "copy_file_range", "epoll_pwait2", "faccessat2", "getrandom", "guard_install",
    "membarrier",
    "memfd_create", "openat2", "pidfd_open", "pidfd_send_signal", "prctl", "prlimit64", "process_vm_readv", "renameat2",
    "rseq", "rt_tgsigqueueinfo", "sched_getaffinity", "set_robust_list", "setpriority", "signalfd4", "statx",
  ].filter { !Places.isSanitized || !["prlimit64", "sched_getaffinity"].contains($0) }

  @Test(.enabled("filters are not allowed here") { await filtersAreAllowed() }, arguments: ["EPERM", "ENOSYS"], calls)
  func `The host does without newer system calls`(error: String, call: String) async throws {
    try await withDenied(call, error) { wrapper in
      try await withHost([.sample("hello")], wrapper: wrapper) { host in
        try await expect("Hello, World!\n", at: "/hello/World", of: host)
        try await PluginFile.sample("typed").install(in: host.plugins)
        #expect(try await host.reload().field("added") == "1")
        #expect(await host.stop() == .exited(0))
      }
    }
  }

  @Test(.enabled("filters are not allowed here") { await filtersAreAllowed() })
  func `The host does without all newer system calls together`() async throws {
    let calls = Self.calls.joined(separator: ",")
    try await withDenied(calls, "EPERM") { wrapper in
      try await withHost([.sample("hello"), .probe("waits")], wrapper: wrapper) { host in
        try await expect("Hello, World!\n", at: "/hello/World", of: host)
        #expect(await host.stop() == .exited(0))
      }
    }
  }

  @Test(
    .enabled("filters are not allowed here") { await filtersAreAllowed() },
    arguments: [
      ("epoll_pwait2,epoll_pwait", "cannot wait for events, so the worker ends: epoll_wait: Operation not permitted"),
      ("clone3", "cannot start the thread of the host (does a container engine's filter refuse clone3?"),
      ("eventfd2", "eventfd: Operation not permitted"),
    ])
  func `The host names in one line a system call that it cannot do without, and ends`(calls: String, reason: String)
    async throws
  {
    try await withDenied(calls, "EPERM") { wrapper in
      try await withTemporaryFolder { folder in
        try FileManager.default.createDirectory(
          at: folder.appending(path: "Plugins"), withIntermediateDirectories: false)
        try folder.write("listen = [\"127.0.0.1:0\"]\nthreads = 1\nadmin = \"\"", as: "host.conf")
        let command = Array(wrapper.dropFirst()) + [Places.ambit.filePath, "serve"]
        let result = try await run(wrapper[0], command, in: folder)
        #expect(result.status == .exited(1))
        #expect(result.errors.matches(of: try Regex(NSRegularExpression.escapedPattern(for: reason))).count == 1)
      }
    }
  }

  @Test(.enabled("filters are not allowed here") { await filtersAreAllowed() })
  func `A listener that may not accept says so, and does not spin`() async throws {
    try await withDenied("accept,accept4", "EPERM") { wrapper in
      try await withHost([], configuration: "threads = 1\nadmin = \"\"", wrapper: wrapper) { host in
        let connection = try host.connect()
        defer { connection.close() }
        let line = try await host.log.line(containing: "cannot accept connections: Operation not permitted")
        #expect(line.contains("trying again every 100 ms"), "\(line)")
        #expect(await host.stop() == .exited(0))
      }
    }
  }

  @Test(.enabled("filters are not allowed here") { await filtersAreAllowed() })
  func `Reports of a blocked loop name the plugin without the call that reads memory`() async throws {
    try await withDenied("process_vm_readv", "EPERM") { wrapper in
      let settings = "threads = 1\nstall_warning = \"20ms\""
      try await withHost([.fixture("holds_up_loop")], configuration: settings, wrapper: wrapper) { host in
        async let answer = host.get("/handler")
        let line = try await host.log.line { $0.contains("WARNING") && $0.contains("GET /handler") }
        #expect(line.field("plugin") == "holds_up_loop/1" && line.field("loop") == "0", "\(line)")
        try host.directory.write("", as: "release")
        _ = try await answer
      }
    }
  }

  @Test(arguments: [false, true])
  func `A loop whose descriptor a plugin has closed says so and ends its process, and does not spin`(
    isSingle: Bool
  ) async throws {
    let plugin = PluginFile.source(
      """
      #include <ambit.h>
      #include <stdio.h>
      #include <string.h>
      #include <unistd.h>
      static int32_t answer(ambit_scope *scope) {
        for (int fd = 3; fd < 1000; fd++) {
          char path[40], name[100] = "";
          snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
          if (readlink(path, name, sizeof name - 1) > 0 && strstr(name, "eventpoll") != NULL) close(fd);
        }
        return ambit_respond(scope, 200, "text/plain", "", 0);
      }
      static const ambit_route routes[] = {{.pattern = "GET /close", .handler = answer}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "closes", .routes = routes, .route_count = 1};
      """, name: "closes")
    try await withHost([plugin], configuration: "threads = 1", isSingle: isSingle) { host in
      let connection = try host.connect()
      defer { connection.close() }
      try await connection.send("GET /close HTTP/1.1\r\nHost: ambit\r\n\r\n")
      let process = isSingle ? "host" : "worker"
      let line = try await host.log.line(containing: "cannot wait for events, so the \(process) ends: epoll_wait: ")
      #expect(line.contains("CRITICAL") && line.contains("does a plugin close descriptors"), "\(line)")
      if isSingle {
        #expect(await host.child.status == .exited(1))
      } else {
        try await host.expectNewWorker(afterDeathBy: "the worker has ended itself, with status 1")
      }
    }
  }

  // MARK: /proc

  @Test(.enabled("mounting is not allowed here") { await procCanBeHidden() })
  func `The host serves without /proc, and says which functions are missing`() async throws {
    try await withHost([.sample("hello")], wrapper: withoutProc) { host in
      let warning = try await host.log.line(containing: "/proc is not mounted")
      #expect(warning.contains("WARNING") && warning.contains("mount -t proc proc /proc"))
      try await expect("Hello, World!\n", at: "/hello/World", of: host)
      try await PluginFile.sample("typed").install(in: host.plugins)
      #expect(try await host.reload().field("added") == "1")
      #expect(await host.stop() == .exited(0))
    }
  }

  @Test(.enabled("mounting is not allowed here") { await procCanBeHidden() })
  func `Only the supervisor warns that /proc is not mounted, and it refuses an upgrade`() async throws {
    try await withHost(
      [.sample("hello")], configuration: "workers = 2\nthreads = 1", isSingle: false, wrapper: withoutProc
    ) { host in
      let worker = try await host.adminJSON("/status").objects("workers")[0].number("pid")
      kill(pid_t(try #require(worker)), SIGKILL)
      try await host.log.line(containing: "serves again")
      try await expect("Hello, World!\n", at: "/hello/World", of: host)
      #expect(host.log.lines().count { $0.contains("/proc is not mounted") } == 1)
      let command = ["upgrade", "-c", host.directory.appending(path: "host.conf").filePath]
      let result = try await run(Places.ambit.filePath, command, in: host.directory)
      #expect(result.status == .exited(1) && result.errors.contains("/proc/self/exe"), "\(result.errors)")
      #expect(await host.stop() == .exited(0))
    }
  }

  @Test(
    .enabled("mounting is not allowed here") { await procCanBeHidden() },
    .disabled(if: Places.isSanitized, "the search for leaks at the end of a command needs /proc"))
  func `Commands have their arguments without /proc, wherever they are started`() async throws {
    let binary = Places.ambit
    let folder = binary.deletingLastPathComponent()
    for (words, status) in [(["serve", "--nonsense"], Int32(64)), (["header"], 0), (["check", "-c", "/nowhere"], 1)] {
      let command = Array(withoutProc.dropFirst()) + ["./\(binary.lastPathComponent)"] + words
      #expect(try await run(withoutProc[0], command, in: folder).status == .exited(status), "\(words)")
    }
    try await withTemporaryFolder { directory in
      let plugins = directory.appending(path: "Plugins")
      try FileManager.default.createDirectory(at: plugins, withIntermediateDirectories: false)
      try await PluginFile.sample("hello").install(in: plugins)
      try directory.write("", as: "host.conf")
      let command = ["./\(binary.lastPathComponent)", "check", "-c", directory.appending(path: "host.conf").filePath]
      let result = try await run(withoutProc[0], Array(withoutProc.dropFirst()) + command, in: folder)
      #expect(result.status == .exited(0), "\(result.errors)")
    }
  }

  @Test(.enabled("mounting is not allowed here") { await procCanBeHidden() })
  func `A process that leaves its dry run does not block the host without /proc`() async throws {
    let plugin = PluginFile.source(
      """
      #include <ambit.h>
      #include <unistd.h>
      static int32_t start(ambit_scope *plugin) {
        (void)plugin;
        if (fork() == 0) {
          setsid();
          close(0), close(1), close(2);
          sleep(120);
          _exit(0);
        }
        return AMBIT_OK;
      }
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "forks", .start = start};
      """, name: "forks")
    try await withHost([plugin, .sample("hello")], wrapper: withoutProc) { host in
      try await expect("Hello, World!\n", at: "/hello/World", of: host)
      #expect(await host.stop() == .exited(0))
    }
  }

  // MARK: Files at their limit

  /// Words that limit the files of the command behind them to `blocks` blocks of 512 bytes.
  private static func limiting(_ blocks: Int) -> [String] {
    ["sh", "-c", "ulimit -f \(blocks); exec \"$@\"", "sh"]
  }

  @Test func `A plugin that reaches the limit of file sizes gets an error from its write`() async throws {
    try await withHost([writer], configuration: "threads = 1", wrapper: Self.limiting(4000)) { host in
      try await expect("File too large\n", at: "/fill", of: host)
      try await expect("File too large\n", at: "/fill", of: host)
    }
  }

  @Test(.disabled(if: Places.isSanitized))
  func `If files may not be large enough for what workers note, a warning says so, and a worker reports its own crash`()
    async throws
  {
    try await withHost([.fixture("crashes")], wrapper: Self.limiting(400)) { host in
      _ = try? await host.get("/handler")
      let own = try await host.log.line(containing: "CRITICAL SIGSEGV at address 0x0 in crash+0x")
      #expect(own.field("fault") == "plugin" && own.field("plugin") == "crashes/1", "\(own)")
      let line = try await host.log.line(containing: "worker 1 died: SIGSEGV")
      #expect(line.field("plugin") == nil, "\(line)")
      try await host.log.line(after: line.number, containing: "worker 1 serves again")
      let warnings = host.log.lines { $0.contains("workers cannot tell the supervisor whose code ends them") }
      #expect(warnings.count == 1 && warnings.first?.contains("File too large; raise the host's limit of") == true)
    }
  }

  @Test func `A private copy above the limit of file sizes refuses its plugin, and the others are loaded`() async throws
  {
    try await withHost([.sample("hello")], wrapper: Self.limiting(400)) { host in
      let large = PluginFile.source(
        "#include <ambit.h>\nstatic const char filling[1 << 20] = {1};\n"
          + "AMBIT_EXPORT const char *filled(void) { return filling; }\n"
          + "AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = \"large\"};\n",
        name: "large")
      try await large.install(in: host.plugins)
      #expect(try await host.reload().field("failed") == "1")
      try await host.log.line { $0.contains("large.so") && $0.contains("File too large") }
      try await expect("Hello, World!\n", at: "/hello/World", of: host)
    }
  }

  @Test func `build says which file was too large`() async throws {
    try await withTemporaryFolder { directory in
      try copySamples(["hello/hello.c"], to: directory)
      let command = Self.limiting(1) + [Places.ambit.filePath, "build", "."]
      let result = try await run(command[0], Array(command.dropFirst()), in: directory)
      #expect(result.status == .exited(1))
      #expect(result.errors.contains("File too large"), "\(result.errors)")
      let left = try FileManager.default.contentsOfDirectory(atPath: directory.appending(path: ".include").filePath)
      #expect(left == [])
    }
  }

  @Test func `A process that a plugin starts neither ignores nor blocks a signal that the host survives`() async throws
  {
    try await withHost([writer]) { host in
      // SIGPIPE is 13, SIGXFSZ 25; the tests themselves may be run with other signals ignored.
      let lines = try await host.get("/signals").text.split(separator: "\n")
      #expect(lines.count == 2)
      for line in lines {
        let bits = try #require(line.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) })
        #expect(bits & (1 << 12 | 1 << 24) == 0, "\(line)")
      }
    }
  }

  private func expect(_ text: String, at path: String, of host: Host) async throws {
    let answer = try await host.get(path)
    #expect(answer.text == text)
  }

  private var writer: PluginFile {
    .source(
      """
      #include <ambit.h>
      #include <errno.h>
      #include <fcntl.h>
      #include <stdio.h>
      #include <string.h>
      #include <unistd.h>
      #include <spawn.h>
      #include <sys/wait.h>
      extern char **environ;
      static int32_t fill(ambit_scope *scope) {
        int fd = open("filled", O_WRONLY | O_CREAT | O_APPEND, 0600);
        static char bytes[1 << 16];
        while (write(fd, bytes, sizeof bytes) > 0) continue;
        int code = errno;
        close(fd);
        return ambit_respondf(scope, 200, "text/plain", "%s\\n", strerror(code));
      }
      static int32_t signals(ambit_scope *scope) {
        posix_spawnattr_t attributes;
        posix_spawn_file_actions_t actions;
        sigset_t none;
        sigemptyset(&none);
        posix_spawnattr_init(&attributes);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, 1, "signals", O_WRONLY | O_CREAT, 0600);
        char *words[] = {"grep", "-E", "SigIgn|SigBlk", "/proc/self/status", NULL};
        pid_t child;
        if (posix_spawnp(&child, "grep", &actions, &attributes, words, environ) != 0) return AMBIT_FAILED;
        waitpid(child, NULL, 0);
        char text[200] = "";
        int fd = open("signals", O_RDONLY);
        ssize_t count = read(fd, text, sizeof text);
        close(fd);
        return ambit_respond(scope, 200, "text/plain", text, count < 0 ? 0 : (size_t)count);
      }
      static const ambit_route routes[] = {
        {.pattern = "GET /fill", .handler = fill, .flags = AMBIT_ROUTE_BLOCKING},
        {.pattern = "GET /signals", .handler = signals, .flags = AMBIT_ROUTE_BLOCKING}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "writer", .routes = routes, .route_count = 2};
      """, name: "writer")
  }
}
