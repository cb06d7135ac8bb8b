import Foundation
import Glibc
import TestSupport
import Testing

/// Plugins that handle fatal signals themselves.
@Suite(.disabled(if: Places.isSanitized)) struct `A plugin's own handler of crashes` {
  /// `GET /install/{how}` installs a handler. `GET /crash` faults in this plugin, `GET /barrier` writes to a page that the
  /// handler makes writable, and `GET /skips` faults 3,000 times at an instruction that the handler skips.
  private static let handles = PluginFile.source(
    #"""
    #include <ambit.h>
    #include <signal.h>
    #include <stdlib.h>
    #include <string.h>
    #include <sys/mman.h>
    #include <ucontext.h>
    #include <unistd.h>
    static char how[20];
    static char *page;
    static void *landing;
    static void handle(int number, siginfo_t *info, void *context) {
      if (strcmp(how, "exit") == 0)
        _exit(1);
      if (strcmp(how, "abort") == 0)
        abort();
      if (strcmp(how, "mend") == 0 && info->si_addr == page) {
        mprotect(page, 4096, PROT_READ | PROT_WRITE);
        return;
      }
    #if defined(__x86_64__)
      if (strcmp(how, "skip") == 0) {
        ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] = (greg_t)landing;
        return;
      }
    #endif
      signal(number, SIG_DFL);
    }
    static int32_t install(ambit_scope *scope) {
      ambit_str way = ambit_param(scope, "how");
      memcpy(how, way.ptr, way.len);
      struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
      sigaction(SIGSEGV, &action, NULL);
      return AMBIT_OK;
    }
    static int32_t crashes(ambit_scope *scope) {
      *(volatile int *)(uintptr_t)ambit_param(scope, "none").len = 1;
      return AMBIT_OK;
    }
    static int32_t barrier(ambit_scope *scope) {
      page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      *(volatile char *)page = 1;
      return ambit_respond(scope, 200, "text/plain", "mended", 6);
    }
    static int32_t skips(ambit_scope *scope) {
    #if defined(__x86_64__)
      for (int count = 0; count < 3000; count++)
        __asm__ volatile("lea 1f(%%rip), %%rax\n mov %%rax, %0\n movl $0, (%1)\n 1:"
                         : "=m"(landing) : "r"((void *)0) : "rax", "memory");
    #endif
      return ambit_respond(scope, 200, "text/plain", "skipped", 7);
    }
    static const ambit_route routes[] = {{.pattern = "GET /install/{how}", .handler = install},
      {.pattern = "GET /crash", .handler = crashes}, {.pattern = "GET /barrier", .handler = barrier},
      {.pattern = "GET /skips", .handler = skips}};
    AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "handles", .routes = routes,
      .route_count = 4};
    """#, name: "handles")

  private static let configuration = "workers = 1\nthreads = 1\ncrash_limit = 1000\nprove_time = \"0s\""

  /// Installs the handler, and waits until the host has put its own before it.
  private func install(_ how: String, in host: Host) async throws {
    #expect(try await host.get("/install/\(how)").status == 200)
    try await host.log.line { $0.contains("has installed") && $0.contains("SIGSEGV") }
  }

  @Test(arguments: [
    ("exit", "/handler/null", "SIGSEGV at 0x0 in end_by+0x", "_exit(1)", "deaths/1"),
    ("abort", "/handler/null", "SIGSEGV at 0x0 in end_by+0x", "SIGABRT", "deaths/1"),
    ("default", "/handler/null", "SIGSEGV at 0x0 in end_by+0x", nil, "deaths/1"),
    ("exit", "/crash", "_exit(1) in handle+0x", nil, "handles/1"),
    ("abort", "/crash", "SIGABRT in handle+0x", nil, "handles/1"),
  ])
  func `The plugin whose code has crashed is blamed, however the handler of a plugin ends the process`(
    how: String, path: String, cause: String, end: String?, culprit: String
  ) async throws {
    try await withHost([Self.handles, .probe("deaths")], configuration: Self.configuration) { host in
      try await install(how, in: host)
      let client = try host.connect()
      try await client.send("GET \(path) HTTP/1.1\r\nHost: ambit\r\n\r\n")
      let line = try await host.log.line(containing: "worker 1 died: \(cause)")
      #expect(line.field("plugin") == culprit && line.field("fault") == "plugin", "\(line)")
      #expect(end.map { line.contains(", then \($0) ") } ?? !line.contains(", then "), "\(line)")
      #expect(try await client.rest().isEmpty)
    }
  }

  @Test func `A fault that a handler has mended is not taken for the cause of the next death`() async throws {
    try await withHost([Self.handles, .probe("deaths")], configuration: Self.configuration) { host in
      try await install("mend", in: host)
      for _ in 0..<20 { #expect(try await host.get("/barrier").text == "mended") }
      let client = try host.connect()
      try await client.send("GET /handler/null HTTP/1.1\r\nHost: ambit\r\n\r\n")
      let line = try await host.log.line(containing: "worker 1 died: SIGSEGV at 0x0 in end_by+0x")
      #expect(line.field("plugin") == "deaths/1" && line.field("route") == "GET /handler/{how}", "\(line)")
      client.close()
    }
  }

  #if arch(x86_64)
    @Test func `A handler may go on behind the same instruction as often as it likes`() async throws {
      try await withHost([Self.handles], configuration: Self.configuration) { host in
        try await install("skip", in: host)
        for _ in 0..<2 { #expect(try await host.get("/skips").text == "skipped") }
        #expect(host.log.lines { $0.contains(" died: ") }.isEmpty)
      }
    }
  #endif

  @Test(arguments: ["_exit", "exit", "quick_exit"])
  func `The end of a process by a function is told also if the stack is overwritten`(function: String) async throws {
    let plugin = PluginFile.source(
      """
      #include <ambit.h>
      #include <stdlib.h>
      #include <string.h>
      #include <unistd.h>
      static __attribute__((noinline)) int32_t smash(ambit_scope *scope) {
        memset(__builtin_frame_address(0), 0x41, 16);
        \(function)(3);
        return scope != NULL;
      }
      static const ambit_route routes[] = {{.pattern = "GET /smash", .handler = smash}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "smashes", .routes = routes,
        .route_count = 1};
      """, name: "smashes")
    try await withHost([plugin], configuration: Self.configuration) { host in
      let client = try host.connect()
      try await client.send("GET /smash HTTP/1.1\r\nHost: ambit\r\n\r\n")
      let line = try await host.log.line(containing: " died: ")
      #expect(line.contains("worker 1 died: \(function)(3)") && line.field("plugin") == "smashes/1", "\(line)")
      client.close()
    }
  }
}
