import Foundation
import Testing

/// `ambit inspect`: what a file says of itself, by the host's own reading.
@Suite struct `Inspecting a plugin's file` {
  @Test func `shows its facts, and that the host would take it`() async throws {
    try await withPlugin(.sample("hello")) { directory in
      let result = try await ambit("inspect", "hello.so", in: directory)
      #expect(result.status == .exited(0), "\(result.errors)")
      #expect(result.text.contains(/file +hello.so, [0-9]+ bytes\n/))
      #expect(result.text.contains(/sha256 +[0-9a-f]{64}\n/))
      #expect(result.text.contains(/build id +[0-9a-f]{8,}\n/))
      #expect(result.text.contains(/exports +ambit_plugin_entry\n/))
      #expect(!result.text.contains("warning"))
    }
  }

  @Test func `warns of constructors and of names that are visible`() async throws {
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
      #expect(result.text.contains(/warning +1 constructors/))
      #expect(result.text.contains("build it with -fvisibility=hidden"))
    }
  }

  @Test func `says why a library would stay in memory`() async throws {
    try await withPlugin(.sample("counter", language: "cpp")) { directory in
      let text = try await ambit("inspect", "counter.so", in: directory).text
      #expect(text.contains(/needs +.*libstdc\+\+/) || text.contains(/needs +.*libc.so/))
    }
  }

  @Test func `refuses what the host would, with its reason`() async throws {
    try await withPlugin(.fixture("no_entry")) { directory in
      let result = try await ambit("inspect", "no_entry.so", in: directory)
      #expect(result.status == .exited(1))
      #expect(result.text.contains(/refused +it shows no ambit_plugin_entry/))
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
    try await withTemporaryDirectory { directory in
      try await plugin.install(in: directory)
      try await body(directory)
    }
  }
}
