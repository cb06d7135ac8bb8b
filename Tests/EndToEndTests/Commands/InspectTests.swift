import Foundation
import TestSupport
import Testing

/// `ambit inspect`: the facts of a file, as the host reads them.
@Suite struct `Inspecting a plugin's file` {
  @Test(.disabled(if: Places.isSanitized)) func `inspect shows a plugin's facts and says that the host would load it`()
    async throws
  {
    try await withPlugin(.sample("hello")) { directory in
      let result = try await ambit("inspect", "hello.so", in: directory)
      #expect(result.status == .exited(0), "\(result.errors)")
      #expect(result.text.contains(/file +hello.so, [0-9]+ bytes\n/))
      #expect(result.text.contains(/sha256 +[0-9a-f]{64}\n/))
      #expect(result.text.contains(/build id +[0-9a-f]{8,}\n/))
      #expect(result.text.contains(/exports +ambit_plugin_entry\n/))
      #expect(result.text.contains(/plugin +hello 1.0\n/))
      #expect(result.text.contains(/abi +1.0\n/))
      #expect(result.text.contains("GET /hello/{name}\n"))
      #expect(result.text.contains(/stays +it does not declare AMBIT_PLUGIN_UNLOADABLE\n/))
      #expect(!result.text.contains("warning") && !result.text.contains("refused"))
    }
  }

  @Test(.disabled(if: Places.isSanitized)) func `inspect warns of constructors and of visible names`() async throws {
    let text = """
      #include <ambit.h>
      int visible = 1;
      __attribute__((constructor)) static void early(void) { visible = 2; }
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "odd", .version = "1.0"};
      """
    try await withPlugin(.source(text, name: "odd")) { directory in
      let result = try await ambit("inspect", "odd.so", in: directory)
      #expect(result.status == .exited(0))
      #expect(result.text.contains(/exports +ambit_plugin_entry, visible\n/))
      #expect(result.text.contains(/warning +1 constructor runs/))
      #expect(result.text.contains("it exports symbols besides its entry (visible);"))
    }
  }

  @Test(.disabled(if: Places.isSanitized))
  func `inspect and the log name functions whose frames skip a guard page`()
    async throws
  {
    let text = """
      #include <ambit.h>
      static int32_t large(ambit_scope *scope) {
        volatile char b[323 << 10];
        b[0] = 1;
        return ambit_respond(scope, 200, "text/plain", (const char *)b, 1);
      }
      static const ambit_route routes[] = {{.pattern = "GET /large", .handler = large}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
          AMBIT_PLUGIN_HEADER, .name = "wide", .version = "1.0", .routes = routes, .route_count = 1};
      """
    let flags = ["-fno-stack-clash-protection"]
    try await withPlugin(.source(text, name: "wide", flags: flags)) { directory in
      let text = try await ambit("inspect", "wide.so", in: directory).text
      #expect(text.contains(/warning +large \(at 0x[0-9a-f]+\) has a frame of 3307[0-9]+ bytes/), "\(text)")
    }
    try await withHost([.source(text, name: "wide", flags: flags)]) { host in
      let line = try await host.log.line(containing: "has a frame of")
      #expect(line.text.contains(/plugin wide .*: large \(at 0x[0-9a-f]+\) has a frame of 3307[0-9]+ bytes/))
    }
    try await withHost([.source(text, name: "wide")]) { host in
      let answer = try await host.get("/large")
      #expect(answer.status == 200)
      #expect(host.log.lines { $0.contains("has a frame of") }.isEmpty)
    }
  }

  @Test func `inspect says why a library would stay in memory, and what it asks of the host`() async throws {
    let text = """
      #include <ambit.h>
      #include <pthread.h>
      static pthread_key_t key;
      static int32_t slow(ambit_scope *scope) { return pthread_key_create(&key, 0) == 0 && scope ? AMBIT_OK : AMBIT_FAILED; }
      static const ambit_route routes[] = {{.pattern = "GET /slow", .handler = slow, .flags = AMBIT_ROUTE_BLOCKING}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
          AMBIT_PLUGIN_HEADER, .name = "keys", .version = "2.1", .about = "Makes keys.", .routes = routes,
          .route_count = 1, .flags = AMBIT_PLUGIN_UNLOADABLE};
      """
    try await withPlugin(.source(text, name: "keys")) { directory in
      let text = try await ambit("inspect", "keys.so", in: directory).text
      #expect(text.contains(/about +Makes keys.\n/))
      #expect(text.contains(/flags +AMBIT_PLUGIN_UNLOADABLE\n/))
      #expect(text.contains(/route +GET \/slow +AMBIT_ROUTE_BLOCKING\n/))
      #expect(text.contains(/stays +it creates thread-specific keys \(it calls pthread_key_create\)/))
      #expect(!text.contains("does not declare"))
    }
  }

  @Test(.disabled(if: Places.isSanitized))
  func `inspect reports a constructor that crashes, and does not crash itself`() async throws {
    let text = """
      #include <ambit.h>
      #include <stdlib.h>
      __attribute__((constructor)) static void early(void) { abort(); }
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "dies", .version = "1.0"};
      """
    try await withPlugin(.source(text, name: "dies")) { directory in
      let result = try await ambit("inspect", "dies.so", in: directory)
      #expect(result.status == .exited(1))
      #expect(result.text.contains(/build id +[0-9a-f]{8,}\n/), "the facts of the file are there all the same")
      #expect(result.text.contains(/refused +.*SIGABRT/), "\(result.text)")
    }
  }

  @Test func `inspect refuses a file that the host would refuse, with the same reason`() async throws {
    try await withPlugin(.fixture("no_entry")) { directory in
      let result = try await ambit("inspect", "no_entry.so", in: directory)
      #expect(result.status == .exited(1))
      #expect(result.text.contains(/refused +no symbol ambit_plugin_entry/), "\(result.text)")
    }
    try await withPlugin(.bytes(Array("text".utf8), name: "text")) { directory in
      let result = try await ambit("inspect", "text.so", in: directory)
      #expect(result.status == .exited(1))
      #expect(result.errors.contains("text.so): not a shared library: it does not begin with the ELF magic number"))
      let missing = try await ambit("inspect", "missing.so", in: directory)
      #expect(missing.status == .exited(1))
      #expect(missing.errors.contains("missing.so"))
    }
  }

  private func withPlugin(_ plugin: PluginFile, _ body: (URL) async throws -> Void) async throws {
    try await withTemporaryFolder { directory in
      try await plugin.install(in: directory)
      try await body(directory)
    }
  }
}
