import Foundation
import TestSupport
import Testing

/// The form of the log lines.
@Suite struct `Log` {
  @Test func `A line has a time, a level, a message and its fields`() async throws {
    try await withHost([.sample("simple_service")]) { host in
      #expect(try await host.get("/simple").status == 200)
      let step = try await host.log.line(containing: "working... step 1 of 5")
      let form = /[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z INFO  working\.\.\. step 1 of 5 .*/
      #expect(step.text.wholeMatch(of: form) != nil, "\(step)")
      let serving = try await host.log.line(containing: "serving")
      #expect(serving.field("pid") == String(host.child.pid))
      #expect(serving.field("plugins") == "1")
      #expect(serving.field("routes") == "3")
      #expect(serving.field("threads") == "2")
    }
  }

  @Test func `In JSON each line is an object with time, level, message and the fields`() async throws {
    try await withHost([.sample("simple_service")], configuration: "[log]\nformat = \"json\"") { host in
      #expect(try await host.get("/simple").status == 200)
      let step = try await host.log.line(containing: "working... step 1 of 5")
      for line in host.log.lines() {
        let object = try JSONSerialization.jsonObject(with: Data(line.text.utf8)) as? [String: Any]
        #expect(object?["time"] is String && object?["level"] is String && object?["message"] is String, "\(line)")
      }
      let object = try #require(try JSONSerialization.jsonObject(with: Data(step.text.utf8)) as? [String: Any])
      #expect(object["message"] as? String == "working... step 1 of 5")
      #expect(object["plugin"] as? String == "simple_service/1")
      #expect(object["route"] as? String == "GET /simple")
    }
  }

  @Test func `SIGUSR1, which makes other servers reopen their logs, changes nothing and is answered with a line`()
    async throws
  {
    try await withHost([.sample("hello")]) { host in
      host.child.signal(SIGUSR1)
      try await host.log.line(containing: "SIGUSR1: there is no log file to reopen")
      #expect(try await host.get("/hello/World").status == 200)
      #expect(await host.stop() == .exited(0))
    }
  }

  @Test func `The log keeps lines of several threads apart, however long they are`() async throws {
    let plugin = PluginFile.source(
      """
      #include <ambit.h>
      #include <string.h>
      static int32_t shout(ambit_scope *scope) {
        char line[50000];
        memset(line, ambit_param(scope, "letter").ptr[0], sizeof line);
        for (int i = 0; i < 20; i++) ambit_log(scope, AMBIT_INFO, line, sizeof line);
        return AMBIT_OK;
      }
      static const ambit_route routes[] = {
        {.pattern = "GET /shout/{letter}", .handler = shout, .flags = AMBIT_ROUTE_BLOCKING}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "shouter", .routes = routes, .route_count = 1};
      """, name: "shouter")
    try await withHost([plugin]) { host in
      let letters = ["a", "b", "c", "d"]
      let connections = try letters.map { _ in try host.connect() }
      for (connection, letter) in zip(connections, letters) {
        try await connection.send("GET /shout/\(letter) HTTP/1.1\r\nHost: ambit\r\n\r\n")
      }
      let lines = try await host.log.lines(80) { $0.field("route") == "GET /shout/{letter}" }
      for line in lines {
        let isWhole = letters.contains { line.contains("INFO  \(String(repeating: $0, count: 50_000)) ") }
        #expect(isWhole, "line \(line.number)")
      }
    }
  }

  @Test func `The log delays no request if nobody reads it, and reports later how many lines it dropped`() async throws
  {
    let plugin = PluginFile.source(
      """
      #include <ambit.h>
      #include <string.h>
      static int32_t shout(ambit_scope *scope) {
        char line[50000];
        memset(line, 'x', sizeof line);
        for (int i = 0; i < 20; i++) ambit_log(scope, AMBIT_INFO, line, sizeof line);
        return AMBIT_OK;
      }
      static const ambit_route routes[] = {{.pattern = "GET /shout", .handler = shout}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "shouter", .routes = routes, .route_count = 1};
      """, name: "shouter")
    @Sendable func shout(_ host: Host) async throws {
      let answer = try await host.get("/shout")
      #expect(answer.status == 200)
    }
    try await withHost([plugin], configuration: "stall_warning = \"0s\"") { host in
      try await host.log.unread {
        for _ in 0..<20 { try await shout(host) }
      }
      let loss = try await host.log.line(containing: "lines dropped here: the reader of the log was too slow")
      let shouts = host.log.lines { $0.field("route") == "GET /shout" }
      #expect(loss.contains("WARNING") && loss.field("lines") == "\(400 - shouts.count)", "\(loss)")
      #expect(shouts.allSatisfy { $0.text.contains(" \(String(repeating: "x", count: 50_000)) ") })
      let status = try await host.log.unread {
        for _ in 0..<20 { try await shout(host) }
        return await host.stop()
      }
      #expect(status == .exited(0), "nor does the end wait for long")
    }
  }

  @Test(
    .enabled("mounting is not allowed here") { try await run("unshare", ["-rm", "true"]).status == .exited(0) })
  func `A host whose log is on a full disk serves on, and reports the lines that are missing when there is room again`()
    async throws
  {
    try await withTemporaryFolder { directory in
      for name in ["Plugins", "disk"] {
        try FileManager.default.createDirectory(
          at: directory.appending(path: name), withIntermediateDirectories: false)
      }
      try directory.write("listen = ['unix:\(directory.filePath)/http.sock']\ntrust = 'any'\n", as: "host.conf")
      let script = """
        mount -t tmpfs -o size=64k none disk || exit 2
        "$0" serve 2>disk/log & host=$!
        until grep -q 'serving pid' disk/log; do sleep 0.01; done
        dd if=/dev/zero of=disk/rest bs=1k 2>/dev/null
        for round in $(seq 50); do "$0" reload >/dev/null || echo "reload $round failed"; done
        rm disk/rest; "$0" reload >/dev/null; kill $host; wait $host; echo "status $?"; cat disk/log
        """
      let environment = folderVariables(directory)
      let result = try await run(
        "unshare", ["-rm", "sh", "-c", script, Places.ambit.filePath], in: directory, environment: environment)
      let lines = result.text.split(separator: "\n").map(String.init)
      #expect(lines.first == "status 0", "\(result.text)\(result.errors)")
      let loss = try #require(lines.firstIndex { $0.contains("Z WARNING lines dropped here: ") }, "\(result.text)")
      #expect(lines[loss].contains(#/ lines=[0-9]+$/#))
      #expect(lines[loss...].allSatisfy { $0.contains(#/^20[0-9-]+T[0-9:.]+Z [A-Z]+ /#) }, "\(result.text)")
      #expect(lines[loss...].contains { $0.contains("reload done") }, "\(result.text)")
    }
  }

  @Test(arguments: [("info", false), ("debug", true)])
  func `The log shows messages of a plugin from the configured level up`(level: String, showsDebug: Bool) async throws {
    let plugin = PluginFile.source(
      """
      #include <ambit.h>
      static int32_t speak(ambit_scope *scope) {
        ambit_log(scope, AMBIT_INFO, "wild", (size_t)-1);
        ambit_logf(scope, AMBIT_DEBUG, "a %s", "whisper");
        ambit_logf(scope, AMBIT_WARNING, "a %s", "shout");
        return AMBIT_OK;
      }
      static const ambit_route routes[] = {{.pattern = "GET /speak", .handler = speak}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "speaker", .version = "1.0", .routes = routes, .route_count = 1};
      """, name: "speaker")
    try await withHost([plugin], configuration: "[log]\nlevel = \"\(level)\"") { host in
      #expect(try await host.get("/speak").status == 200)
      let shout = try await host.log.line(containing: "a shout")
      #expect(shout.contains("WARN") && shout.field("plugin") == "speaker/1")
      #expect(host.log.lines { $0.contains("a whisper") }.count == (showsDebug ? 1 : 0))
    }
  }
}
