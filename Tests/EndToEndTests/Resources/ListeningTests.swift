import Foundation
import Glibc
import TestSupport
import Testing

/// The addresses of `listen`: what they give where the system lacks something, and who may connect to unix sockets.
@Suite struct `Listening` {
  private static let peer = PluginFile.source(
    """
    #include <ambit.h>
    static int32_t answer(ambit_scope *scope) {
      ambit_str peer = ambit_peer(scope);
      return ambit_respond(scope, 200, "text/plain", peer.ptr, peer.len);
    }
    static const ambit_route routes[] = {{.pattern = "GET /peer", .handler = answer}};
    AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
      AMBIT_PLUGIN_HEADER, .name = "peer", .routes = routes, .route_count = 1};
    """, name: "peer")

  /// The port of the last address that the host has logged as `http://HOST:PORT`.
  private func port(at host: String, in log: HostLog) async throws -> String {
    let line = try await log.line(containing: "listening on http://\(host):").text
    return String(line.split(separator: ":").last ?? "")
  }

  @Test func `A client over IPv4 has an IPv4 address on a socket for all addresses`() async throws {
    try await withHost([Self.peer], listeners: ["*:0"]) { host in
      let port = try await port(at: "*", in: host.log)
      let answer = try await curl("http://127.0.0.1:\(port)/peer")
      #expect(answer.text.wholeMatch(of: /127\.0\.0\.1:\d+/) != nil, "\(answer.text)")
      let other = try await curl("-g", "http://[::1]:\(port)/peer")
      #expect(other.text.wholeMatch(of: /\[::1\]:\d+/) != nil, "\(other.text)")
    }
  }

  @Test(.enabled("filters are not allowed here") { await filtersAreAllowed() })
  func `All addresses are all IPv4 addresses where the system lacks IPv6`() async throws {
    try await withDenied("ipv6", "EPERM") { wrapper in
      try await withHost([Self.peer], listeners: ["*:0"], wrapper: wrapper) { host in
        let port = try await port(at: "0.0.0.0", in: host.log)
        let note = try await host.log.line(containing: "IPv6 is missing")
        #expect(note.contains(" INFO ") && note.contains("so *:0 accepts IPv4 connections only"), "\(note)")
        #expect(try await curl("http://127.0.0.1:\(port)/peer").text.hasPrefix("127.0.0.1:"))
      }
    }
  }

  @Test(arguments: [
    ("\"unix:http.sock\"", 0o666), ("{ address = \"unix:http.sock\", mode = \"0620\", group = \"0\" }", 0o620),
  ])
  func `A unix socket beside host conf has its mode whatever the umask and the folder of the host are`(
    entry: String, mode: Int
  ) async throws {
    guard geteuid() == 0 || !entry.contains("group") else { return }
    try await withTemporaryFolder { directory in
      let folder = directory.appending(path: "Plugins")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try await Self.peer.install(in: folder)
      try directory.write("listen = [\(entry)]\nadmin = \"\"\n", as: "host.conf")
      let command = "umask 077; exec \"$0\" serve -c \"$1\""
      let file = directory.appending(path: "host.conf").filePath
      let (child, log) = try await startHost("sh", ["-c", command, Places.ambit.filePath, file], in: folder)
      try await log.line(containing: "serving")
      let socket = directory.appending(path: "http.sock").filePath
      let attributes = try FileManager.default.attributesOfItem(atPath: socket)
      #expect(attributes[.posixPermissions] as? Int == mode)
      #expect(try await curl("--unix-socket", socket, "http://ambit/peer").text == "unix")
      child.signal(SIGTERM)
      #expect(await child.status == .exited(0))
      #expect(!FileManager.default.fileExists(atPath: socket))
    }
  }

  @Test(arguments: [
    (
      "{ address = \"unix:a.sock\", group = \"nobodys\" }", 78 as Int32,
      "host.conf:1:38: listen[0].group: expected the name or the number of a group of this system, found \"nobodys\""
    ),
    (
      "{ address = \"unix:a.sock\", owner = \"nobodys\" }", 78,
      "host.conf:1:38: listen[0].owner: expected the name or the number of a user of this system, found \"nobodys\""
    ),
    (
      "\"unix:a.sock\", \"unix:./a.sock\"", 78,
      "host.conf:1:26: listen[1]: expected a path of its own for each socket, found "
    ),
    ("\"unix:host.conf\"", 1, "host.conf: a regular file is there; remove it, or choose another path"),
    ("\"unix:none/a.sock\"", 1, "none/a.sock: No such file or directory"),
  ])
  func `check and serve refuse a unix socket that cannot be, with the same words`(
    entry: String, status: Int32, reason: String
  ) async throws {
    try await withTemporaryFolder { directory in
      try FileManager.default.createDirectory(
        at: directory.appending(path: "Plugins"), withIntermediateDirectories: true)
      try directory.write("listen = [\(entry)]\nadmin = \"\"\n", as: "host.conf")
      for command in ["check", "serve"] {
        let result = try await ambit(command, in: directory)
        #expect(result.status == .exited(status), "\(command): \(result.errors)")
        #expect(result.errors.contains(reason), "\(command): \(result.errors)")
      }
      #expect(FileManager.default.fileExists(atPath: directory.appending(path: "host.conf").filePath))
    }
  }

  @Test func `A reload whose listen names an unknown group changes nothing and says so`() async throws {
    try await withHost([.sample("hello")], configuration: "drain_timeout = \"1s\"") { host in
      try host.directory.write("listen = [{ address = \"unix:a.sock\", group = \"nobodys\" }]\n", as: "host.conf")
      host.child.signal(SIGHUP)
      try await host.log.line(containing: "found \"nobodys\"")
      try await host.log.line(containing: "reload refused, nothing has changed")
      #expect(try await host.get("/hello/World").text == "Hello, World!\n")
    }
  }

  /// Words that run the command behind them in a PID namespace of its own.
  private static let isolated = ["unshare", "-rp", "--fork"]

  @Test(
    .enabled("namespaces are not allowed here") {
      (try? await run(isolated[0], Array(isolated.dropFirst()) + ["true"]))?.status == .exited(0)
    })
  func `A host in another PID namespace is named as that, since its process has no number here`() async throws {
    try await withHost([.sample("hello")]) { host in
      let command = Self.isolated.dropFirst() + [Places.ambit.filePath, "serve"]
      let second = try await run(Self.isolated[0], Array(command), in: host.directory)
      #expect(second.status == .exited(1))
      #expect(
        second.errors.contains("a process in another PID namespace, such as another container, listens there"),
        "\(second.errors)")
    }
  }
}
