import Foundation
import Glibc
import TestSupport
import Testing

/// The log of a supervisor and its workers, which all write to the same standard error.
@Suite struct `The log of several processes` {
  private static let configuration = "workers = 2\nthreads = 1\nstall_warning = '0s'"

  /// Answers `GET /shout/{letter}` with its worker, after 20 lines of 50,000 such letters, and 20 short ones.
  private static let shouter = PluginFile.source(
    """
    #include <ambit.h>
    #include <string.h>
    static int32_t shout(ambit_scope *scope) {
      const ambit_worker *worker = ambit_extension(scope, "ambit.worker/1");
      char line[50000];
      memset(line, ambit_param(scope, "letter").ptr[0], sizeof line);
      for (int i = 0; i < 20; i++) {
        ambit_log(scope, AMBIT_INFO, line, sizeof line);
        ambit_log(scope, AMBIT_INFO, line, 10);
      }
      return ambit_respondf(scope, 200, "text/plain", "%u", worker->index);
    }
    static const ambit_route routes[] = {{.pattern = "GET /shout/{letter}", .handler = shout}};
    AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
      AMBIT_PLUGIN_HEADER, .name = "shouter", .routes = routes, .route_count = 1};
    """, name: "shouter")

  /// A connection to each of the two workers.
  private func connections(_ host: Host) async throws -> [Client] {
    var connections: [String: Client] = [:]
    try await eventually(until: { $0 == 2 }) {
      let client = try host.connect()
      try await client.send("GET /shout/x HTTP/1.1\r\nHost: ambit\r\n\r\n")
      connections[try await client.response().text] = client
      return connections.count
    }
    return Array(connections.values)
  }

  private func shout(_ letter: String, on client: Client) async throws {
    try await client.send("GET /shout/\(letter) HTTP/1.1\r\nHost: ambit\r\n\r\n")
    #expect(try await client.response().status == 200)
  }

  /// Whether a line is one that a process has written as a whole.
  private func isWhole(_ line: LogLine) -> Bool {
    guard line.text.contains(#/^20[0-9-]+T[0-9:.]+Z [A-Z]+ /#) else { return false }
    guard line.text.matches(of: #/20[0-9-]+T[0-9:.]+Z [A-Z]+ /#).count == 1 else { return false }
    guard line.contains("/shout/{letter}") || line.text.contains(#/INFO  [abx]{10}/#) else { return true }
    return ["a", "b", "x"].contains { letter in
      [10, 50_000].contains { line.contains("INFO  \(String(repeating: letter, count: $0)) ") }
    }
  }

  @Test func `Lines of two workers do not mix, however long they are and however slow the reader is`() async throws {
    try await withHost([Self.shouter], configuration: Self.configuration, isSingle: false) { host in
      let pair = try await connections(host)
      let position = host.log.position
      try await host.log.unread {
        async let one: Void = shout("a", on: pair[0])
        async let other: Void = shout("b", on: pair[1])
        _ = try await (one, other)
      }
      _ = try await host.log.lines(80, after: position) { $0.contains("/shout/{letter}") }
      for line in host.log.lines() { #expect(isWhole(line), "\(line.text.prefix(200)) … \(line.text.suffix(200))") }
    }
  }

  @Test func `A log that nobody reads blocks neither workers nor supervisor, and no line is cut off later`() async throws
  {
    try await withHost([Self.shouter], configuration: Self.configuration, isSingle: false) { host in
      let pair = try await connections(host)
      try await host.log.unread {
        for _ in 0..<12 { for (client, letter) in zip(pair, ["a", "b"]) { try await shout(letter, on: client) } }
        let before = try await host.adminJSON("/status").objects("workers")
        kill(pid_t(try #require(before[0].number("pid"))), SIGKILL)
        try await eventually(until: { $0 == ["serving", "serving"] }) {
          let workers = try await host.adminJSON("/status").objects("workers")
          return workers.map { $0.number("crashes") == 0 && $0.number("worker") == 1 ? "" : $0.text("state") ?? "" }
        }
        _ = try await host.adminJSON("/reload", "-X", "POST")
      }
      try await host.log.line(containing: "reload done")
      try await host.log.line(containing: "lines dropped here: the reader of the log was too slow")
      let lines = host.log.lines()
      // The worker that was killed may have been in the middle of a line.
      #expect(lines.count { !isWhole($0) } <= 1)
      #expect(await host.stop() == .exited(0))
    }
  }

  @Test(.enabled("mounting is not allowed here") { try await run("unshare", ["-rm", "true"]).status == .exited(0) })
  func `A line that a full disk cuts off does not join the next line, which another process writes`() async throws {
    try await withTemporaryFolder { directory in
      let listen = "listen = ['unix:\(directory.filePath)/http.sock']\ntrust = 'any'\n"
      try await populate(directory, with: [Self.shouter])
      try directory.write(listen + Self.configuration, as: "host.conf")
      try FileManager.default.createDirectory(at: directory.appending(path: "disk"), withIntermediateDirectories: false)
      // Each round leaves room for a part of the 50,000 letters of a line, which the other worker's line comes after.
      let script = """
        mount -t tmpfs -o size=8m none disk || exit 2
        "$0" serve 2>>disk/log & host=$!
        until grep -q ' serving pid' disk/log; do kill -0 $host || exit 3; sleep 0.01; done
        dd if=/dev/zero of=disk/rest bs=1k 2>/dev/null
        for round in $(seq 20); do
          truncate -s -12k disk/rest
          for letter in a b; do curl -sS --unix-socket http.sock http://ambit/shout/$letter >/dev/null; done
        done
        rm disk/rest
        for round in $(seq 4); do curl -sS --unix-socket http.sock http://ambit/shout/x >/dev/null; done
        kill $host; wait $host; echo "status $?"; cat disk/log
        """
      let result = try await run(
        "unshare", ["-rm", "sh", "-c", script, Places.ambit.filePath], in: directory,
        environment: folderVariables(directory))
      let lines = result.text.split(separator: "\n", omittingEmptySubsequences: false).map { text in
        LogLine(number: 0, text: String(text), arrival: .now)
      }
      #expect(lines.first?.text == "status 0" && lines.last?.text == "", "\(result.text.prefix(1000))\(result.errors)")
      #expect(lines.contains { $0.contains("lines dropped here: ") })
      for line in lines.dropFirst().dropLast() {
        #expect(isWhole(line), "\(line.text.prefix(200)) … \(line.text.suffix(200))")
      }
    }
  }

  @Test func `A log whose reader is gone ends neither workers nor supervisor`() async throws {
    let start = "exec \"$0\" \"$@\" 2> >(sed -u '/ serving .*pid=/q' >&2)"
    try await withHost(
      [Self.shouter], configuration: Self.configuration, isSingle: false, wrapper: ["bash", "-c", start]
    ) { host in
      for client in try await connections(host) { try await shout("a", on: client) }
      let before = try await host.adminJSON("/status").objects("workers").compactMap { $0.number("pid") }
      try #require(before.count == 2)
      kill(pid_t(before[1]), SIGKILL)
      try await eventually(until: { $0 }) {
        let workers = try await host.adminJSON("/status").objects("workers")
        return workers[1].text("state") == "serving" && workers[1].number("pid") != before[1]
      }
      #expect(try await host.adminJSON("/reload", "-X", "POST").text("result") == "done")
      for client in try await connections(host) { try await shout("b", on: client) }
      #expect(await host.stop() == .exited(0))
    }
  }
}
