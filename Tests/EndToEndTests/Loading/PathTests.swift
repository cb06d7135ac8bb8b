import Foundation
import Glibc
import TestSupport
import Testing

/// Paths mean the same for the whole life of a host: what a plugin does to the working folder changes nothing, and links
/// are followed anew at each reload.
@Suite struct `Paths` {
  /// A plugin `speaks` whose answer is `text`, and whose start changes the working folder if `moves`.
  private func speaks(_ text: String, moves: Bool = false) -> PluginFile {
    .source(
      """
      #include <ambit.h>
      #include <unistd.h>
      static int32_t speak(ambit_scope *scope) { return ambit_respondf(scope, 200, "text/plain", "\(text)\\n"); }
      static int32_t start(ambit_scope *plugin) { (void)plugin; return \(moves ? "chdir(\"/\")" : "0"); }
      static const ambit_route routes[] = {{.pattern = "GET /speak", .handler = speak}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "speaks", .routes = routes,
        .route_count = 1, .start = start};
      """, name: "speaks")
  }

  /// Releases 1 and 2 in `directory`, whose plugins answer with their numbers, and a link `current` to the first.
  private func deploy(in directory: URL, configuration: String = "") async throws {
    for number in ["1", "2"] {
      let release = directory.appending(path: number)
      try FileManager.default.createDirectory(at: release, withIntermediateDirectories: true)
      try await populate(release, with: [speaks(number)], configuration: configuration)
    }
    symlink("1", directory.appending(path: "current").filePath)
  }

  /// Points `current` to another release in one step.
  private func point(_ directory: URL, to release: String) {
    symlink(release, directory.appending(path: "next").filePath)
    rename(directory.appending(path: "next").filePath, directory.appending(path: "current").filePath)
  }

  @Test func `A plugin that changes the working folder changes no path of the host`() async throws {
    let library = PluginFile.source("int f(void) { return 5; }", name: "f")
    try await withTemporaryFolder { directory in
      try await populate(
        directory, with: [speaks("old", moves: true)],
        configuration: "admin = 'a.sock'\nprivate = 'copies'\n[[route]]\nmatch = 'GET /f'\ncall = './f.so: i32 f()'")
      mkdir(directory.appending(path: "copies").filePath, 0o755)
      try await library.install(in: directory)
      // The harness starts the host in the folder, so that all of these names are relative.
      let environment = ["STATE_DIRECTORY": "state", "TMPDIR": "."]
      try await withHost(in: directory, arguments: ["-c", "host.conf"], environment: environment) { host in
        try await speaks("new", moves: true).install(in: host.plugins)
        try await PluginFile.source("int f(void) { return 6; }", name: "f").install(in: directory)
        #expect(try await host.reload().field("changed") == "2")
        #expect(try await host.get("/speak").text == "new\n")
        #expect(try await host.get("/f").text.hasPrefix("6"))
        #expect(host.log.lines { $0.contains("WARN") || $0.contains("ERROR") }.isEmpty, "\(host.log.text)")
        let again = try await ambit("reload", in: directory)
        #expect(again.status == .exited(0), "\(again.errors)")
        let kept = directory.appending(path: "state/last-good").filePath
        #expect(try FileManager.default.subpathsOfDirectory(atPath: kept).filter { $0.hasSuffix(".so") }.count == 2)
        #expect(await host.stop() == .exited(0))
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.appending(path: "copies").filePath) == [])
        #expect(!FileManager.default.fileExists(atPath: directory.appending(path: "a.sock").filePath))
      }
    }
  }

  @Test(arguments: [
    ("cd current && exec \"$0\" \"$@\"", []), ("exec \"$0\" \"$@\"", ["-c", "current/host.conf"]),
    ("cd / && exec \"$0\" \"$@\"", ["-c", "PLACE/current/host.conf"]),
  ])
  func `A host that was started by way of a link serves what the link leads to at a reload, and stays reachable`(
    script: String, arguments: [String]
  ) async throws {
    try await withTemporaryFolder { directory in
      try await deploy(in: directory)
      let arguments = arguments.map { $0.replacing("PLACE", with: directory.filePath) }
      let environment = ["PWD": directory.filePath]
      try await withHost(
        in: directory, wrapper: ["sh", "-c", script], arguments: arguments, environment: environment
      ) { host in
        #expect(try await host.get("/speak").text == "1\n")
        point(directory, to: "2")
        #expect(try await host.reload().field("changed") == "1")
        #expect(try await host.get("/speak").text == "2\n")
        try await host.log.line(containing: "the admin socket was gone from unix:")
        let status = try await ambit("status", "-c", "current/host.conf", in: directory)
        #expect(status.status == .exited(0), "\(status.errors)")
        #expect(!FileManager.default.fileExists(atPath: directory.appending(path: "1/.ambit.sock").filePath))
      }
    }
  }

  @Test func `Unix sockets of listen are made again at a reload if their paths do not lead to them any more`()
    async throws
  {
    try await withTemporaryFolder { directory in
      try await deploy(in: directory)
      for release in ["1", "2"] {
        let text = "listen = ['127.0.0.1:0', 'unix:http.sock']\n"
        try directory.appending(path: release).write(text, as: "host.conf")
      }
      let path = directory.appending(path: "current/http.sock").filePath
      try await withHost(in: directory, arguments: ["-c", "current/host.conf"]) { host in
        #expect(try await curl("--unix-socket", path, "http://a/speak").text == "1\n")
        point(directory, to: "2")
        try await host.reload()
        #expect(try await curl("--unix-socket", path, "http://a/speak").text == "2\n")
        unlink(path)
        _ = try await host.reload()
        #expect(try await curl("--unix-socket", path, "http://a/speak").text == "2\n")
        _ = try await host.log.lines(2) { $0.contains("NOTICE the socket was gone from unix:") }
        #expect(try await host.get("/speak").text == "2\n")
        #expect(await host.stop() == .exited(0))
        for release in ["1", "2"] {
          let left = try FileManager.default.contentsOfDirectory(atPath: directory.appending(path: release).filePath)
          #expect(!left.contains { $0.hasSuffix(".sock") })
        }
      }
    }
  }

  @Test func `A reload names the configuration that it read, and does not follow a link that the host does not know`()
    async throws
  {
    try await withTemporaryFolder { directory in
      try await deploy(in: directory)
      let script = "cd current && unset PWD && exec \"$0\" \"$@\""
      try await withHost(in: directory, wrapper: ["bash", "-c", script]) { host in
        point(directory, to: "2")
        let line = try await host.reload()
        #expect(line.field("configuration")?.hasSuffix("/1/host.conf") == true, "\(line)")
      }
    }
  }

  @Test func `The last good copy is found by a start after a deployment has pointed the link to a bad release`()
    async throws
  {
    try await withTemporaryFolder { directory in
      try await deploy(in: directory)
      let arguments = ["-c", "current/host.conf"]
      try await withHost(in: directory, arguments: arguments) { host in
        try await PluginFile.bytes(Array("text".utf8), name: "speaks").install(in: directory.appending(path: "2/Plugins"))
        point(directory, to: "2")
        #expect(try await host.reload().field("failed") == "1")
        #expect(await host.stop() == .exited(0))
      }
      try await withHost(in: directory, arguments: arguments) { host in
        #expect(try await host.get("/speak").text == "1\n")
        try await host.log.line(containing: "plugin speaks serves its last good copy")
      }
    }
  }

  @Test func `A host makes dry runs after its program was removed, and after another one has its path`() async throws {
    try await withTemporaryFolder { directory in
      try await populate(directory, with: [speaks("old")])
      let program = directory.appending(path: "ambit").filePath
      // By another process: this one's open file would be inherited by programs that other tests start meanwhile, and
      // what is open for writing cannot be executed.
      #expect(try await run("cp", [Places.ambit.filePath, program]).status == .exited(0))
      let script = "shift; exec \"$0\" \"$@\""
      try await withHost(in: directory, wrapper: ["sh", "-c", script, program]) { host in
        try FileManager.default.removeItem(atPath: program)
        try await speaks("new").install(in: host.plugins)
        #expect(try await host.reload().field("changed") == "1")
        try directory.write("#!/bin/sh\nexit 1\n", as: "ambit")
        chmod(program, 0o755)
        try await speaks("newer").install(in: host.plugins)
        #expect(try await host.reloadOnRequest().field("changed") == "1")
        #expect(try await host.get("/speak").text == "newer\n")
      }
    }
  }

  @Test func `A plugin is loaded whose file has the longest name that there is`() async throws {
    try await withTemporaryFolder { directory in
      try await populate(directory, with: [])
      let plugins = directory.appending(path: "Plugins")
      try await speaks("long").install(in: plugins)
      rename(
        plugins.appending(path: "speaks.so").filePath,
        plugins.appending(path: String(repeating: "l", count: 252) + ".so").filePath)
      try await withHost(in: directory) { host in
        let text = try await host.get("/speak").text
        #expect(text == "long\n")
      }
    }
  }
}
