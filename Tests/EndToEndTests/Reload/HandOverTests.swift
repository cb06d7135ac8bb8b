import Foundation
import TestSupport
import Testing

/// The state that one generation of a plugin hands over to the next.
@Suite struct `Handing over state` {
  @Test func `A new generation gets the state that the old one saved, with its version, in the dry run too`()
    async throws
  {
    try await withHost([.probe("counting")]) { host in
      let first = try await host.log.line(containing: "found version")
      #expect(first.text == "found version=0 length=0 present=0 dry_run=0")
      for expected in 1...3 { #expect(try await host.get("/count").text == "\(expected)\n") }
      let position = host.log.position
      try await counting("FORM=7", "v2").install(in: host.plugins)
      #expect(try await host.reload().field("changed") == "1")
      #expect(try await host.get("/count").text == "4\n")
      let found = host.log.all.dropFirst(position).filter { $0.contains("found version") }
      #expect(found.count == 2)
      #expect(found.allSatisfy { $0.contains("version=1 length=8 present=1") })
      #expect(found.map(\.isDryRun) == [true, false])
      try await counting("FORM=8", "v3").install(in: host.plugins)
      try await host.reload()
      #expect(try await host.get("/count").text == "5\n")
      try await host.log.line(containing: "found version=7 length=8")
    }
  }

  @Test func `The old generation keeps serving with its state when the new one fails on it`() async throws {
    try await withHost([.probe("counting")]) { host in
      #expect(try await host.get("/count").text == "1\n")
      try await counting("REFUSE").install(in: host.plugins)
      #expect(try await host.reload().field("failed") == "1")
      try await host.log.line(containing: "start returned AMBIT_FAILED: cannot read what was left")
      #expect(try await host.get("/count").text == "2\n")
    }
  }

  @Test func `The old generation keeps serving when it cannot save its state, and the log says so`() async throws {
    try await withHost([counting("UNSAVED")]) { host in
      try await PluginFile.probe("counting").install(in: host.plugins)
      #expect(try await host.reload().field("failed") == "1")
      try await host.log.line(containing: "save returned AMBIT_FAILED: nothing can be saved now")
      #expect(try await host.get("/count").text == "1\n")
    }
  }

  @Test func `A save that has not returned is called no second time, and is named at each reload until it returns`()
    async throws
  {
    let stubborn = """
      #include <ambit.h>
      #include <stdio.h>
      #include <unistd.h>
      static int32_t save(ambit_scope *plugin) {
        dprintf(2, "save begins\\n");
        while (access("release", F_OK) != 0) usleep(10000);
        return ambit_hand_over(plugin, 1, "x", 1);
      }
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "stubborn", .save = save};
      """
    let plugin = PluginFile.source(stubborn, name: "stubborn")
    try await withHost([plugin], configuration: "dry_run_timeout = \"3s\"") { host in
      try await PluginFile.source(stubborn + "int other;", name: "stubborn").install(in: host.plugins)
      #expect(try await host.reloadOnRequest().field("failed") == "1")
      try await host.log.line(containing: "plugin stubborn (Plugins/stubborn.so): save has not returned after 4s")
      for _ in 0..<3 { #expect(try await host.reloadOnRequest().field("failed") == "1") }
      let refusals = try await host.log.lines(3) { $0.contains("save has not returned since 20") }
      #expect(
        refusals.allSatisfy {
          $0.contains("plugin stubborn (") && $0.contains("the plugin is not reloaded until the call returns")
        })
      #expect(host.log.lines { $0.text == "save begins" }.count == 1)

      try host.directory.write("", as: "release")
      // The thread has to see the file first.
      try await eventually(within: .seconds(30), until: { $0 == "1" }) {
        try await host.reloadOnRequest().field("changed")
      }
      #expect(host.log.lines { $0.text == "save begins" }.count >= 3)
    }
  }

  @Test func `A generation whose start did not run because a save failed is not stopped`() async throws {
    let plugin = """
      #include <ambit.h>
      #include <stdio.h>
      static int saves;
      static int32_t save(ambit_scope *plugin) { (void)plugin; return saves++ == 0 ? AMBIT_OK : AMBIT_FAILED; }
      static int32_t start(ambit_scope *plugin) { (void)plugin; dprintf(2, "start\\n"); return AMBIT_OK; }
      static void stop(ambit_scope *plugin) { (void)plugin; dprintf(2, "stop\\n"); }
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "fickle", .start = start, .stop = stop, .save = save};
      """
    try await withHost([.source(plugin, name: "fickle")]) { host in
      try await PluginFile.source(plugin + "int other;", name: "fickle").install(in: host.plugins)
      #expect(try await host.reload().field("failed") == "1")
      try await host.log.line { $0.contains("generation retired") && $0.field("plugin") == "fickle/2" }
      #expect(host.log.lines { ["start", "stop"].contains($0.text) }.map(\.text) == ["start"])
    }
  }

  @Test func `A generation that differs in its settings alone gets the state`() async throws {
    try await withHost([.probe("counting")]) { host in
      #expect(try await host.get("/count").text == "1\n")
      try host.configure("[plugin.counting]\nmood = \"calm\"")
      #expect(try await host.reload().field("changed") == "1")
      #expect(try await host.get("/count").text == "2\n")
    }
  }

  @Test func `A large state loses no byte, and a state above 64 MiB is refused`() async throws {
    try await withHost([counting("LARGE=(64 << 20)")]) { host in
      try await PluginFile.probe("counting").install(in: host.plugins)
      #expect(try await host.reload().field("changed") == "1")
      #expect(host.log.lines { $0.contains("found version=1 length=\(64 << 20) present=1") }.count == 1)
    }
    try await withHost([counting("LARGE=(64 << 20) + 1")]) { host in
      try await PluginFile.probe("counting").install(in: host.plugins)
      try await host.reload()
      #expect(host.log.lines { $0.contains("handed over status=-5") }.isEmpty == false)
      #expect(host.log.lines { $0.contains("found version=0 length=0 present=0") }.count == 2)
    }
  }

  @Test func `Calls that hand over state work within save and start alone`() async throws {
    try await withHost([.probe("counting")]) { host in
      let answer = try await host.get("/astray").text
      #expect(answer == "-7 -7 1, state -7 0\n")
    }
  }

  /// The probe `counting`, compiled with these definitions.
  private func counting(_ definitions: String...) -> PluginFile {
    let source = Places.probe("counting").filePath
    return .source("#include \"\(source)\"\n", name: "counting", flags: definitions.map { "-D\($0)" })
  }
}
