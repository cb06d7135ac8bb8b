import Foundation
import Glibc
import TestSupport
import Testing

/// The signals of the host, of its plugins' code and of the programs that they start.
@Suite struct Signals {
  /// Expects no signal in the sets of a program's status. The C library's posix_spawn itself has programs ignore the two
  /// signals that it keeps for itself, 32 and 33.
  private static func expectNothing(_ text: String) throws {
    let sets = try text.split(separator: "\n").map { line in
      try #require(line.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) }, "\(text)")
    }
    #expect(sets.count == 2 && sets.allSatisfy { $0 & ~(3 << 31) == 0 }, "\(text)")
  }

  @Test(arguments: ["", "/thread", "/own"], ["fork", "spawn", "system", "popen"])
  func `A program that a plugin starts inherits no blocked and no ignored signal`(place: String, how: String)
    async throws
  {
    try await withHost([Self.starter]) { host in
      try Self.expectNothing(await host.get("/\(how)\(place)").text)
    }
  }

  @Test func `A program that start runs inherits no blocked and no ignored signal, in the dry run too`() async throws {
    try await withHost([Self.starter]) { host in
      let lines = host.log.all.filter { $0.contains("start: ") }
      #expect(lines.map { $0.field("plugin") } == ["starter/dry-run", "starter/1"])
      for line in lines { try Self.expectNothing(Self.sets(in: line)) }
    }
  }

  /// The sets that the plugin's `start` has logged, as /proc shows them.
  private static func sets(in line: LogLine) -> String {
    line.text.matches(of: /[0-9a-f]{16}/).map { "set\t\($0.output)\n" }.joined()
  }

  @Test func `A host that was started with signals ignored and blocked handles its own, and hands none on`()
    async throws
  {
    try await withInheritingProgram { wrapper in
      try await withHost([Self.starter], wrapper: wrapper) { host in
        try Self.expectNothing(await host.get("/fork").text)
        try Self.expectNothing(await host.get("/system/thread").text)
        for line in host.log.all where line.contains("start: ") { try Self.expectNothing(Self.sets(in: line)) }
        // As before, they do not end the host.
        host.child.signal(SIGQUIT)
        #expect(try await host.reload().field("kept") == "1")
        host.child.signal(SIGUSR2)
        try await host.log.line(containing: "scope tree done")
        #expect(await host.stop() == .exited(0))
      }
    }
  }

  @Test func `A command that was started with signals ignored and blocked knows how its processes end`() async throws {
    try await withInheritingProgram { wrapper in
      try await withTemporaryFolder { directory in
        try copySamples(["hello/hello.c"], to: directory.appending(path: "Plugins"))
        for words in [["build"], ["check"]] {
          let command = wrapper + [Places.ambit.filePath] + words
          let result = try await run(command[0], Array(command.dropFirst()), in: directory)
          #expect(result.status == .exited(0), "\(words): \(result.errors)")
        }
      }
    }
  }

  @Test(arguments: [SIGTERM, SIGINT]) func `A signal stops the host although a plugin has replaced its handler`(
    number: Int32
  ) async throws {
    try await withHost([Self.replacer]) { host in
      let line = try await host.log.line(containing: "has installed a handler for SIGTERM; the host has installed its")
      // The host looks right after `start`, and 50 times in a second besides, when it knows only the library.
      #expect(line.contains("WARNING replacer.1.") && [nil, "replacer/1"].contains(line.field("plugin")), "\(line)")
      try await host.log.line(containing: "plugin code has reset or ignored SIGHUP; the host has installed its own")
      let position = host.log.position
      #expect(try await host.get("/replace").status == 200)
      try await host.log.line(after: position, containing: "has installed a handler for SIGINT")
      #expect(try await host.reload().field("kept") == "1")
      host.child.signal(number)
      #expect(await host.child.status == .exited(0))
      #expect(host.log.lines { $0.text == "the plugin's handler" }.isEmpty)
    }
  }

  @Test(arguments: [SIGTERM, SIGINT]) func `A signal to all processes does not end a worker whose plugin handles it`(
    number: Int32
  ) async throws {
    try await withHost([Self.replacer]) { host in
      let worker = host.servingProcess
      #expect(try await host.get("/replace").status == 200)
      try await eventually(until: { $0 == "0" }) { try await host.get("/replaced").text }
      kill(worker, number)
      #expect(try await host.reload().field("kept") == "1")
      #expect(host.servingProcess == worker)
      #expect(host.log.lines { $0.text == "the plugin's handler" }.isEmpty)
    }
  }

  /// Waits until the host catches a signal.
  private func waitUntilCaught(_ number: Int32, by host: Host) async throws {
    try await eventually(until: { $0 & 1 << UInt64(number - 1) != 0 }) { () throws -> UInt64 in
      let status = try String(contentsOfFile: "/proc/\(host.servingProcess)/status", encoding: .utf8)
      let line = status.split(separator: "\n").first { $0.hasPrefix("SigCgt:") }
      return try #require(line?.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) })
    }
  }

  @Test func `Ctrl-C stops the host while a plugin waits for the command of system, which ignores it`() async throws {
    let runner = PluginFile.source(
      """
      #include <ambit.h>
      #include <stdlib.h>
      static int32_t wait_for(ambit_scope *scope) {
        return ambit_respondf(scope, 200, "text/plain", "%d", system("echo $$ > child; echo runs >&2; exec sleep 30"));
      }
      static const ambit_route routes[] = {
        {.pattern = "GET /wait", .handler = wait_for, .flags = AMBIT_ROUTE_BLOCKING}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "runner", .routes = routes, .route_count = 1};
      """, name: "runner")
    try await withHost([runner], configuration: "drain_timeout = \"50ms\"\ncancel_grace = \"50ms\"") { host in
      let connection = try host.connect()
      try await connection.send("GET /wait HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line { $0.text == "runs" }
      let text = try String(contentsOf: host.directory.appending(path: "child"), encoding: .utf8)
      let child = try #require(pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)))
      defer { kill(child, SIGKILL) }
      try await waitUntilCaught(SIGINT, by: host)
      host.child.signal(SIGINT)
      #expect(await host.child.status == .exited(0))
      #expect(host.log.lines { $0.contains("SIGINT; the host has installed") }.isEmpty)
    }
  }

  @Test(arguments: ["SIG_IGN", "SIG_DFL"])
  func `SIGTERM stops the host soon after a handler has ignored or reset it, and one line says so`(action: String)
    async throws
  {
    let resetter = PluginFile.source(
      """
      #include <ambit.h>
      #include <signal.h>
      static int32_t reset(ambit_scope *scope) {
        return ambit_respond(scope, signal(SIGTERM, \(action)) == SIG_ERR ? 500 : 200, "text/plain", "", 0);
      }
      static const ambit_route routes[] = {{.pattern = "GET /reset", .handler = reset}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "resetter", .routes = routes, .route_count = 1};
      """, name: "resetter")
    // No code of plugins runs in a supervisor, which has the signals.
    try await withHost([resetter], isSingle: true) { host in
      for _ in 1...3 {
        #expect(try await host.get("/reset").status == 200)
        try await waitUntilCaught(SIGTERM, by: host)
      }
      #expect(await host.stop() == .exited(0))
      let lines = host.log.lines { $0.contains("plugin code has reset or ignored SIGTERM") }
      #expect(lines.count == 1 && lines[0].contains("logged at most every 10 s"), "\(lines)")
    }
  }

  @Test func `A failed dry run is noticed at once although a plugin has the host ignore the end of processes`()
    async throws
  {
    let ignorer = PluginFile.source(
      """
      #include <ambit.h>
      #include <signal.h>
      static int32_t start(ambit_scope *plugin) { (void)plugin; signal(SIGCHLD, SIG_IGN); return AMBIT_OK; }
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "ignorer", .start = start};
      """, name: "ignorer")
    try await withHost([ignorer], configuration: "dry_run_timeout = \"60s\"", isSingle: true) { host in
      try await Mishap("", start: "fprintf(stderr, \"no moon\\n\"); exit(1);", "").plugin.install(in: host.plugins)
      #expect(try await host.reload().field("failed") == "1")
      let line = try await host.log.line { $0.contains("ERROR") && $0.contains("my.so") }
      #expect(line.contains("start ended its process; how is not known, because a plugin has the host ignore SIGCHLD"))
      #expect(line.contains("its last line was no moon"), "\(line)")
    }
  }

  @Test func `Signals for the host do not interrupt the system calls of plugins`() async throws {
    let sleeper = PluginFile.source(
      """
      #include <ambit.h>
      #include <stdio.h>
      #include <time.h>
      static int32_t sleeps(ambit_scope *scope) {
        dprintf(2, "sleeps\\n");
        int result = nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
        return ambit_respondf(scope, 200, "text/plain", "%d", result);
      }
      static const ambit_route routes[] = {
        {.pattern = "GET /loop", .handler = sleeps},
        {.pattern = "GET /thread", .handler = sleeps, .flags = AMBIT_ROUTE_BLOCKING}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "sleeper", .routes = routes, .route_count = 2};
      """, name: "sleeper")
    try await withHost([sleeper]) { host in
      for path in ["/loop", "/thread"] {
        let position = host.log.position
        let connection = try host.connect()
        try await connection.send("GET \(path) HTTP/1.1\r\nHost: ambit\r\n\r\n")
        try await host.log.line(after: position) { $0.text == "sleeps" }
        for number in [SIGUSR1, SIGHUP, SIGUSR1] {
          let position = host.log.position
          host.child.signal(number)
          let answer = number == SIGUSR1 ? "SIGUSR1: there is no" : "reload done"
          try await host.log.line(after: position, containing: answer)
        }
        #expect(try await connection.response().text == "0")
      }
    }
  }

  /// Runs `body` with the words of a command that runs a program with signals ignored and blocked.
  private func withInheritingProgram(_ body: ([String]) async throws -> Void) async throws {
    try await withTemporaryFolder { folder in
      let program = folder.appending(path: "inherit").filePath
      let source = Places.package.appending(path: "Tests/EndToEndTests/Programs/inherit.c").filePath
      try await Compiler.c.compile(["-o", program, source])
      try await body([program])
    }
  }

  /// Answers with the signal sets of a program that it starts in several ways, from a fiber, a pool thread and a thread
  /// of its own.
  private static let starter = PluginFile.source(
    """
    #include <ambit.h>
    #include <pthread.h>
    #include <spawn.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <sys/wait.h>
    #include <unistd.h>
    #define COMMAND "grep -hE 'Sig(Blk|Ign)' /proc/self/status"
    extern char **environ;
    struct run { char how[16]; char text[200]; };
    static void take(struct run *run, FILE *file) {
      run->text[fread(run->text, 1, sizeof run->text - 1, file)] = 0;
      fclose(file);
    }
    static void start_program(struct run *run) {
      char *words[] = {"sh", "-c", "exec " COMMAND, NULL};
      int ends[2];
      pid_t child = -1;
      if (run->how[0] == 'p') {
        FILE *file = popen(COMMAND, "r");
        run->text[fread(run->text, 1, sizeof run->text - 1, file)] = 0;
        pclose(file);
        return;
      }
      if (run->how[1] == 'y') {
        char path[] = "output-XXXXXX", command[200];
        close(mkstemp(path));
        snprintf(command, sizeof command, COMMAND " > %s", path);
        if (system(command) == 0) take(run, fopen(path, "r"));
        return;
      }
      if (pipe(ends) != 0) return;
      if (run->how[0] == 'f') {
        child = fork();
        if (child == 0) {
          dup2(ends[1], 1);
          execvp("sh", words);
          _exit(1);
        }
      } else {
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
        posix_spawnp(&child, "sh", &actions, NULL, words, environ);
      }
      close(ends[1]);
      take(run, fdopen(ends[0], "r"));
      waitpid(child, NULL, 0);
    }
    static void *on_thread(void *run) { start_program(run); return NULL; }
    static int32_t answer(ambit_scope *scope) {
      struct run run = {"", ""};
      ambit_str how = ambit_param(scope, "how"), pattern = ambit_route_pattern(scope);
      memcpy(run.how, how.ptr, how.len < 15 ? how.len : 15);
      if (pattern.ptr[pattern.len - 1] == 'n') {
        pthread_t thread;
        pthread_create(&thread, NULL, on_thread, &run);
        pthread_join(thread, NULL);
      } else {
        start_program(&run);
      }
      return ambit_respond(scope, 200, "text/plain", run.text, strlen(run.text));
    }
    static int32_t start(ambit_scope *plugin) {
      struct run run = {"fork", ""};
      start_program(&run);
      char blocked[20] = "", ignored[20] = "";
      sscanf(run.text, "SigBlk: %19s SigIgn: %19s", blocked, ignored);
      ambit_logf(plugin, AMBIT_INFO, "start: %s %s", blocked, ignored);
      return AMBIT_OK;
    }
    static const ambit_route routes[] = {{.pattern = "GET /{how}", .handler = answer},
      {.pattern = "GET /{how}/thread", .handler = answer, .flags = AMBIT_ROUTE_BLOCKING},
      {.pattern = "GET /{how}/own", .handler = answer, .flags = AMBIT_ROUTE_BLOCKING}};
    AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
      AMBIT_PLUGIN_HEADER, .name = "starter", .routes = routes, .route_count = 3, .start = start};
    """, name: "starter")

  /// Replaces handlers of the host, in `start` and in a handler.
  private static let replacer = PluginFile.source(
    """
    #include <ambit.h>
    #include <signal.h>
    #include <unistd.h>
    static void handle(int number) { (void)number; (void)!write(2, "the plugin's handler\\n", 21); }
    static int32_t start(ambit_scope *plugin) {
      (void)plugin;
      signal(SIGTERM, handle);
      signal(SIGHUP, SIG_IGN);
      return AMBIT_OK;
    }
    static int32_t replace(ambit_scope *scope) {
      signal(SIGTERM, handle);
      signal(SIGINT, handle);
      return ambit_respond(scope, 200, "text/plain", "", 0);
    }
    static int32_t count_replaced(ambit_scope *scope) {
      struct sigaction term, interrupt;
      sigaction(SIGTERM, NULL, &term), sigaction(SIGINT, NULL, &interrupt);
      int count = (term.sa_handler == handle) + (interrupt.sa_handler == handle);
      return ambit_respondf(scope, 200, "text/plain", "%d", count);
    }
    static const ambit_route routes[] = {
      {.pattern = "GET /replace", .handler = replace}, {.pattern = "GET /replaced", .handler = count_replaced}};
    AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
      AMBIT_PLUGIN_HEADER, .name = "replacer", .routes = routes, .route_count = 2, .start = start};
    """, name: "replacer")
}
