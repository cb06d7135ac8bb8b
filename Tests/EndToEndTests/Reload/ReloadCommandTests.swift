import Foundation
import Glibc
import TestSupport
import Testing

/// `ambit reload` and `POST /reload`: reloads whose result a client waits for.
@Suite struct `Reloading on demand` {
  @Test func `reload prints the result of each plugin, with status 0 if all is well`() async throws {
    try await withHost([.sample("hello"), .sample("simple_service")]) { host in
      unlink(host.plugins.appending(path: "simple_service.so").filePath)
      try await PluginFile.probe("waits").install(in: host.plugins)
      let result = try await ambit("reload", in: host.directory)
      #expect(result.status == .exited(0), "\(result.errors)")
      let lines = result.text.split(separator: "\n").map(String.init)
      #expect(
        lines.dropLast() == [
          "added    waits/1           Plugins/waits.so",
          "kept     hello/1           Plugins/hello.so",
          "removed  simple_service/1  Plugins/simple_service.so",
        ])
      #expect(lines.last?.contains("1 added, 0 changed, 1 kept, 1 removed, 0 failed") == true)
      #expect(try await host.get("/simple").status == 404)
    }
  }

  @Test func `reload ends with status 1 if a plugin failed, and says why and which version serves on`() async throws {
    try await withHost([.sample("hello")]) { host in
      try host.plugins.write("no library", as: "hello.so")
      let result = try await ambit("reload", in: host.directory)
      #expect(result.status == .exited(1))
      #expect(
        result.text.contains("failed  hello/1  Plugins/hello.so\n  plugin hello (Plugins/hello.so): not a shared"))
      #expect(try await host.get("/hello/World").status == 200)
    }
  }

  @Test func `reload names the changed keys that need a restart, with status 2`() async throws {
    try await withHost([.sample("hello")], configuration: "threads = 2") { host in
      try host.configure("threads = 2\nstart = \"lenient\"\n[limits]\nmax_body = 5\n[log]\nformat = \"json\"")
      for _ in 0..<2 {
        let result = try await ambit("reload", in: host.directory)
        #expect(result.status == .exited(2), "\(result.text)")
        let ignored = result.text.split(separator: "\n").filter { $0.hasPrefix("ignored") }
        #expect(ignored == ["ignored  log.format: needs a restart"])
        #expect(result.text.contains("1 kept, 0 removed, 0 failed, 1 ignored ("), "\(result.text)")
      }
      let line = try await host.log.line(containing: "log.format has changed in the configuration")
      #expect(line.contains("WARNING") && line.contains("takes effect at the next start"), "\(line)")
      try await host.log.line { $0.contains("reload done") && $0.field("ignored") == "1" }
      let answer = try await host.admin("/reload", "-X", "POST", "-w", "%{http_code}").text
      #expect(answer.hasSuffix("202"))
      #expect(try JSONObject(Array(answer.dropLast(3).utf8)).texts("ignored") == ["log.format"])
      try host.plugins.write("no library", as: "broken.so")
      #expect(try await ambit("reload", in: host.directory).status == .exited(1))
      try FileManager.default.removeItem(at: host.plugins.appending(path: "broken.so"))
      try host.configure("threads = 2")
      #expect(try await ambit("reload", in: host.directory).status == .exited(0))
    }
  }

  @Test func `reload ends with status 1 if the configuration is invalid, whoever finds that`() async throws {
    try await withHost([.sample("hello")]) { host in
      try host.configure("thread = 1")
      let own = try await ambit("reload", in: host.directory)
      #expect(own.status == .exited(1))
      #expect(own.errors.contains("unknown key \"thread\""))
      #expect(own.errorLines.last == "error: the running host was not asked to reload")
      let hosts = try await ambit("reload", "--socket", ".ambit.sock", in: host.directory)
      #expect(hosts.status == .exited(1))
      #expect(hosts.text.contains("unknown key \"thread\"") && hosts.text.contains("refused, nothing has changed"))
    }
  }

  @Test func `reload prints JSON on request`() async throws {
    try await withHost([.sample("hello")]) { host in
      let result = try await JSONObject(ambit("reload", "--json", in: host.directory).output)
      #expect(result.text("result") == "done")
      #expect(result.object("counts").number("kept") == 1)
      let plugin = try #require(result.objects("plugins").first)
      #expect(plugin.text("change") == "kept")
      #expect(plugin.text("generation") == "hello/1")
      try host.plugins.write("no library", as: "broken.so")
      let failed = try await host.admin("/reload", "-X", "POST", "-w", "%{http_code}").text
      #expect(failed.hasSuffix("422"))
      #expect(failed.contains("\"result\": \"partial\""))
    }
  }

  @Test func `The status remembers the last reload`() async throws {
    try await withHost([.sample("hello")]) { host in
      try await host.reload()
      let reload = try #require(await host.adminJSON("/status").objects("reloads").last)
      #expect(reload.text("result") == "done")
      #expect(reload.text("began")?.hasSuffix("Z") == true)
      let text = try await ambit("status", in: host.directory).text
      #expect(text.contains("0 added, 0 changed, 1 kept, 0 removed, 0 failed"))
    }
  }

  @Test func `reload during another reload reports the one that follows`() async throws {
    try await withHost([.sample("hello")]) { host in
      try await PluginFile.source(slowPlugin, name: "slow").install(in: host.plugins)
      async let first = host.adminJSON("/reload", "-X", "POST")
      try await host.log.line(containing: "slow starts")
      #expect(try await host.adminJSON("/status").text("state") == "reloading")
      try await PluginFile.sample("simple_service").install(in: host.plugins)
      async let second = host.adminJSON("/reload", "-X", "POST")
      async let third = host.adminJSON("/reload", "-X", "POST")
      try await eventually(within: .seconds(30), until: { $0 == 2 }) {
        try await host.adminJSON("/status").number("waiting_for_reload")
      }
      try host.directory.write("", as: "go")
      #expect(try await first.object("counts").number("added") == 1)
      #expect(
        try await second.objects("plugins").first { $0.text("change") == "added" }?.text("generation")
          == "simple_service/1")
      #expect(try await third.object("counts").number("added") == 1, "one reload for both")
    }
  }

  @Test func `reload says that no host is running`() async throws {
    try await withTemporaryFolder { directory in
      try directory.write("", as: "host.conf")
      for command in ["reload", "status"] {
        let result = try await ambit(command, in: directory)
        #expect(result.status == .exited(1))
        let reason = "/.ambit.sock: connect: No such file or directory"
        #expect(result.errors.contains(reason), "\(result.errors)")
      }
    }
  }

  /// A plugin whose start waits, in the live host, until the file "go" is there.
  private var slowPlugin: String {
    """
    #include <ambit.h>
    #include <stdio.h>
    #include <unistd.h>
    static int32_t start(ambit_scope *scope) {
      if (ambit_extension(scope, "ambit.dry_run/1") != NULL) return AMBIT_OK;
      fputs("slow starts\\n", stderr);
      while (access("go", F_OK) != 0) ambit_sleep(scope, 1000000);
      return AMBIT_OK;
    }
    AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "slow", .version = "1.0", .start = start};
    """
  }
}
