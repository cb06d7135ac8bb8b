import Glibc
import TestSupport
import Testing

/// A plugin makes the supervisor the tracer of a thread of its worker: PTRACE_TRACEME, ptrace(2). Then the kernel tells
/// the end of the worker only when the supervisor has reaped the thread.
@Suite(.disabled(if: Places.isSanitized)) struct `A worker with a traced thread` {
  private static let plugin = PluginFile.source(
    """
    #include <ambit.h>
    #include <pthread.h>
    #include <semaphore.h>
    #include <signal.h>
    #include <sys/ptrace.h>
    #include <unistd.h>
    static sem_t traced;
    static void *trace(void *signal) {
      ptrace(PTRACE_TRACEME, 0, NULL, NULL);
      sem_post(&traced);
      if (signal != NULL) raise(SIGUSR1);
      while (pause() != 0) {}
      return NULL;
    }
    static int32_t traced_by(ambit_scope *scope, void *signal) {
      pthread_t made;
      sem_init(&traced, 0, 0);
      if (pthread_create(&made, NULL, trace, signal) != 0) return AMBIT_FAILED;
      sem_wait(&traced);
      return ambit_respondf(scope, 200, "text/plain", "%d", (int)getpid());
    }
    static int32_t pid(ambit_scope *scope) { return ambit_respondf(scope, 200, "text/plain", "%d", (int)getpid()); }
    static int32_t trace_one(ambit_scope *scope) { return traced_by(scope, NULL); }
    static int32_t stop_one(ambit_scope *scope) { return traced_by(scope, &traced); }
    static const ambit_route routes[] = {
      {.pattern = "GET /pid", .handler = pid}, {.pattern = "GET /trace", .handler = trace_one},
      {.pattern = "GET /stop", .handler = stop_one}};
    AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
      AMBIT_PLUGIN_HEADER, .name = "traced", .routes = routes, .route_count = 3};
    """, name: "traced", flags: ["-pthread"])

  @Test func `A worker that is killed is replaced, and a host that stops does not wait for it`() async throws {
    try await withHost([Self.plugin], configuration: "threads = 1\ncrash_window = \"1s\"") { host in
      for _ in 1...2 {
        let position = host.log.position
        let pid = try #require(pid_t(try await host.get("/trace").text))
        kill(pid, SIGKILL)
        let end = try await host.log.line(after: position) {
          $0.contains(" died: SIGKILL") && $0.field("pid") == "\(pid)"
        }
        try await host.log.line(after: end.number, containing: "serves again")
      }
      #expect(try await host.get("/trace").status == 200)
      #expect(await host.stop() == .exited(0))
      #expect(host.log.lines { $0.contains("not ended in time") }.isEmpty)
    }
  }

  @Test func `A worker whose traced thread a signal stops is ended and replaced`() async throws {
    try await withHost([Self.plugin], configuration: "threads = 1") { host in
      let position = host.log.position
      let client = try host.connect()
      try await client.send("GET /stop HTTP/1.1\r\nHost: ambit\r\n\r\n")
      let line = try await host.log.line(after: position) {
        $0.contains("was stopped by SIGUSR1, because a plugin has called ptrace(PTRACE_TRACEME): it is ended")
      }
      #expect(line.contains("ERROR ") && line.field("worker") == "1", "\(line)")
      try await host.log.line(after: line.number, containing: " died: SIGKILL")
      try await host.log.line(after: line.number, containing: "serves again")
      #expect(try await host.get("/pid").status == 200)
    }
  }
}
