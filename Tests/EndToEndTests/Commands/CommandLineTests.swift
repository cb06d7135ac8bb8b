import Foundation
import TestSupport
import Testing

/// The subcommands that serve nothing, and the ways in which `serve` refuses to start.
@Suite struct `Command line` {
  @Test func `--version prints a version`() async throws {
    let result = try await ambit("--version")
    #expect(result.status == .exited(0))
    #expect(result.text.wholeMatch(of: /ambit [0-9]+\.[0-9]+\.[0-9]+[-.a-z0-9]*\n/) != nil)
  }

  @Test func `--help names each subcommand`() async throws {
    let help = try await ambit("--help")
    #expect(help.status == .exited(0))
    for command in ["serve", "reload", "status", "inspect", "check", "routes", "build", "header"] {
      #expect(help.text.contains(command))
    }
  }

  @Test func `A host that is started without standard streams has them on the null device`() async throws {
    try await withTemporaryFolder { directory in
      try await populate(directory, with: [.sample("hello")], configuration: "listen = ['127.0.0.1:0']")
      let (child, log) = try await startHost(
        "sh", ["-c", "exec \"$0\" serve <&- >&-", Places.ambit.filePath], in: directory)
      try await log.line(containing: "serving")
      for stream in 0...1 {
        let target = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(child.pid)/fd/\(stream)")
        #expect(target == "/dev/null")
      }
      child.signal(SIGTERM)
      #expect(await child.status == .exited(0))
    }
  }

  @Test func `A host whose configuration is a pipe says at a reload why it cannot read it again, and serves on`()
    async throws
  {
    try await withTemporaryFolder { directory in
      let path = directory.filePath
      try await populate(
        directory, with: [.sample("hello")],
        configuration: "listen = ['127.0.0.1:0']\nplugins = '\(path)/Plugins'\nprivate = '\(path)'\nadmin = ''\n")
      let (child, log) = try await startHost(
        "bash", ["-c", "exec \"$0\" serve --build -c <(cat host.conf)", Places.ambit.filePath], in: directory)
      let serving = try await log.line(containing: "serving")
      #expect(serving.field("plugins") == "1", "what --build reads, the host does not miss")
      child.signal(SIGHUP)
      let line = try await log.line(containing: "cannot be read again")
      #expect(line.contains("ERROR /dev/fd/") && line.contains("start the host with a regular file"), "\(line)")
      try await log.line(containing: "reload refused, nothing has changed")
      child.signal(SIGTERM)
      #expect(await child.status == .exited(0))
    }
  }

  @Test func `header prints the header that plugins include, byte for byte`() async throws {
    let result = try await ambit("header")
    let header = try Data(contentsOf: Places.headers.appending(path: "ambit.h"))
    #expect(result.status == .exited(0))
    #expect(result.output == Array(header))
  }

  @Test(arguments: [["serve", "--nonsense"], ["nonsense"], ["check", "-c"], ["routes", "too", "many"]])
  func `Wrong usage ends with status 64`(arguments: [String]) async throws {
    let result = try await run(Places.ambit.filePath, arguments)
    #expect(result.status == .exited(64))
    #expect(result.errors.hasPrefix("error: "), "as all other errors: \(result.errors)")
  }

  @Test func `check accepts a good configuration`() async throws {
    try await withTemporaryFolder { directory in
      try await populate(directory, with: [.sample("hello")])
      let result = try await ambit("check", in: directory)
      #expect(result.status == .exited(0), "\(result.errors)")
    }
  }

  @Test func `check lists settings that no plugin reads`() async throws {
    try await withTemporaryFolder { directory in
      try await populate(directory, with: [.sample("hello")], configuration: "[plugin.helo]\ngreeting = \"Hej\"\n")
      let result = try await ambit("check", in: directory)
      #expect(result.status == .exited(0))
      #expect(
        result.errorLines == [
          "notice: host.conf: plugin.helo: no plugin of this name is loaded, so these settings have no effect; "
            + "did you mean hello?"
        ])
    }
  }

  @Test func `check lists all errors of a configuration with their places`() async throws {
    try await withTemporaryFolder { directory in
      try await populate(directory, with: [], configuration: "lisen = 1\n[limits]\nmax_body = \"8 megs\"\n")
      let result = try await ambit("check", in: directory)
      #expect(result.status == .exited(78))
      #expect(result.errors.contains("host.conf:1:1: unknown key \"lisen\"; did you mean \"listen\"?"))
      #expect(result.errors.contains("host.conf:3:1: limits.max_body: "))
    }
  }

  @Test(arguments: ["serve", "check", "routes", "status", "build"])
  func `Every command that reads an invalid configuration ends with status 78`(command: String) async throws {
    try await withTemporaryFolder { directory in
      for text in [Array("threads = many\n".utf8), Array("threads = -1\n".utf8), [0x23, 0xff, 0x0a]] {
        try await populate(directory, with: [])
        try directory.write(bytes: text, as: "host.conf")
        let result = try await ambit(command, in: directory)
        #expect(result.status == .exited(78), "\(result.errors)")
        #expect(result.errors.hasPrefix("error: ") && result.errors.contains("host.conf"))
      }
    }
  }

  @Test(arguments: [
    (
      "[[route]]\nmatch = 'GET /helo/{name}'\ntimeout = '1s'",
      "host.conf:1:1: route[0].match: no plugin has the route GET /helo/{name}; did you mean GET /hello/{name}?"
    ),
    (
      "[[route]]\nmatch = 'GET /everything'\nblocking = false",
      "host.conf:1:1: route[0].blocking: expected true: plugin threaded runs only on threads (AMBIT_PLUGIN_THREADS)"
    ),
  ])
  func `check names a change of a route that cannot be made`(configuration: String, message: String) async throws {
    try await withTemporaryFolder { directory in
      try await populate(directory, with: [.sample("hello"), .probe("threaded")], configuration: configuration)
      let result = try await ambit("check", in: directory)
      #expect(result.status == .exited(1))
      #expect(result.errors.contains(message), "\(result.errors)")
    }
  }

  @Test(arguments: ["check", "serve"])
  func `check and serve name a refused plugin and an impossible change of a route together`(command: String)
    async throws
  {
    try await withTemporaryFolder { directory in
      try await populate(
        directory, with: [.bytes(Array("text".utf8), name: "broken"), .sample("hello")],
        configuration: "listen = ['127.0.0.1:0']\n[[route]]\nmatch = 'GET /helo/{name}'\ntimeout = '1s'\n")
      let result = try await ambit(command, in: directory)
      #expect(result.status == .exited(1))
      #expect(result.errors.contains("error: plugin broken (Plugins/broken.so): "))
      let change =
        "error: host.conf:2:1: route[0].match: no plugin has the route GET /helo/{name}, unless a refused plugin does; "
        + "did you mean GET /hello/{name}?\n"
      #expect(result.errors.contains(change), "\(result.errors)")
    }
  }

  @Test func `check names a plugin that does not load`() async throws {
    try await withTemporaryFolder { directory in
      try await populate(directory, with: [.bytes(Array("text".utf8), name: "broken"), .sample("hello")])
      let result = try await ambit("check", in: directory)
      #expect(result.status == .exited(1))
      #expect(result.errors.contains("broken.so"))
    }
  }

  @Test(.enabled("mounting is not allowed here") { try await run("unshare", ["-rm", "true"]).status == .exited(0) })
  func `check says that a file system mounted noexec cannot hold the private copies`() async throws {
    try await withTemporaryFolder { directory in
      try await populate(directory, with: [.sample("hello")], configuration: "private = 'copies'\ntrust = 'any'\n")
      try FileManager.default.createDirectory(
        at: directory.appending(path: "copies"), withIntermediateDirectories: false)
      let script = "mount -t tmpfs -o noexec none copies && exec \"$0\" check"
      let result = try await run("unshare", ["-rm", "sh", "-c", script, Places.ambit.filePath], in: directory)
      #expect(result.status == .exited(1))
      let reason = "/copies lies on a file system mounted noexec, from which the system loads no libraries; set private to"
      #expect(result.errorLines.count == 1 && result.errors.hasPrefix("error: private: /"), "\(result.errors)")
      #expect(result.errors.contains(reason))
    }
  }

  @Test func `routes prints each route with its plugin, from any working directory`() async throws {
    try await withTemporaryFolder { directory in
      try await populate(directory, with: [.sample("hello"), .sample("simple_service")])
      let result = try await ambit("routes", "-c", "\(directory.filePath)/host.conf")
      #expect(result.status == .exited(0), "\(result.errors)")
      let lines = result.text.split(separator: "\n")
      for (route, plugin) in [
        ("GET /hello/{name}", "hello"), ("POST /echo", "hello"), ("GET /simple", "simple_service"),
        ("GET /hold", "simple_service"),
      ] {
        #expect(lines.contains { $0.contains(route) && $0.contains(plugin) }, "\(route)")
      }
    }
  }

  @Test func `routes shows the signatures of C functions and where they run, for plugins and configured routes`()
    async throws
  {
    let plain = "event loop, in parallel"
    let routes = """
      [[route]]
      match = "GET /frexp/{x}"
      call = "libm.so.6:f64 frexp( f64 x,out i32 exponent )"
      [[route]]
      match = "GET /abs/{x}"
      call = "libc.so.6: i32 abs(i32 x)"
      serial = false
      [[route]]
      match = "GET /cos/{x}"
      call = "libm.so.6: f64 cos(f64 x)"
      blocking = false
      [[route]]
      match = "GET /inflate"
      call = "libz.so.1: str zlibVersion()"
      thread = "own"
      [[route]]
      match = "GET /deflate"
      call = "libz.so.1: str zError(i32 0)"
      """
    try await withTemporaryFolder { directory in
      try await populate(directory, with: [.sample("hello"), .sample("typed")], configuration: routes)
      let lines = try await ambit("routes", in: directory).text.split(separator: "\n").map { line in
        line.split(separator: #/  +/#).map(String.init)
      }
      let frexp = ["GET /frexp/{x}", "libm.so.6", "libm.so.6", "f64 frexp(f64 x, out i32 exponent)"]
      #expect(lines.contains(frexp + ["pool, one at a time"]))
      #expect(lines.contains { $0.first == "GET /sum/{a}/{b}" && $0.suffix(2) == ["i64 (i64 a, i64 b)", plain] })
      let places = Dictionary(uniqueKeysWithValues: lines.map { ($0[0], $0.last) })
      #expect(places["GET /abs/{x}"] == "pool, in parallel")
      #expect(places["GET /cos/{x}"] == plain)
      #expect(places["GET /inflate"] == "own thread" && places["GET /deflate"] == "own thread")
      #expect(lines.contains { $0.first == "GET /hello/{name}" && $0.count == 3 })
    }
  }

  @Test func `The defaults apply if there is no configuration`() async throws {
    try await withTemporaryFolder { directory in
      let folder = directory.appending(path: "Plugins")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try await PluginFile.sample("hello").install(in: folder)
      #expect(try await ambit("routes", in: directory).text.contains("GET /hello/{name}"))
    }
  }

  @Test func `serve says in one line, with status 1, that another host has its address`() async throws {
    try await withHost([.sample("hello")]) { first in
      try await withTemporaryFolder { directory in
        let address = "127.0.0.1:\(first.port)"
        try await populate(directory, with: [.sample("hello")], configuration: "listen = [\"\(address)\"]\n")
        try await expectRefusal(in: directory, naming: address)
      }
    }
  }

  @Test func `serve says in one line, with status 1, that the plugin directory does not exist`() async throws {
    try await withTemporaryFolder { directory in
      try directory.write("listen = [\"127.0.0.1:0\"]\nplugins = \"missing\"\n", as: "host.conf")
      try await expectRefusal(in: directory, naming: "missing")
    }
  }

  @Test func `serve says in one line, with status 1, that the configuration does not exist`() async throws {
    try await withTemporaryFolder { directory in
      try await expectRefusal(in: directory, "-c", "missing.conf", naming: "missing.conf")
    }
  }

  @Test func `check writes the log lines of a plugin's dry run as a host does`() async throws {
    let source = """
      #include <ambit.h>
      static int32_t start(ambit_scope *plugin) { return ambit_logf(plugin, AMBIT_INFO, "begins"), AMBIT_OK; }
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "talks", .start = start};
      """
    try await withTemporaryFolder { directory in
      let folder = directory.appending(path: "Plugins")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try await PluginFile.source(source, name: "talks").install(in: folder)
      let result = try await ambit("check", in: directory)
      #expect(result.status == .exited(0))
      #expect(result.errors.contains("Z INFO  begins plugin=talks/dry-run"), "\(result.errors)")
    }
  }

  @Test func `serve refuses to start with a plugin that does not load, unless it is told to be lenient`() async throws {
    let broken = PluginFile.bytes(Array("text".utf8), name: "broken")
    try await withTemporaryFolder { directory in
      try await populate(directory, with: [.sample("hello"), broken], configuration: "listen = [\"127.0.0.1:0\"]\n")
      let result = try await ambit("serve", in: directory)
      #expect(result.status == .exited(1))
      #expect(result.errors.contains("broken.so"))
    }
    try await withHost([.sample("hello"), broken], configuration: "start = \"lenient\"") { host in
      let answer = try await host.get("/hello/World")
      #expect(answer.status == 200)
      #expect(host.log.lines { $0.contains("broken.so") }.count == 1)
    }
  }

  private func expectRefusal(
    in directory: URL, _ arguments: String..., naming name: String, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let result = try await run(Places.ambit.filePath, ["serve"] + arguments, in: directory)
    #expect(result.status == .exited(1), sourceLocation: sourceLocation)
    let errorLines = result.errorLines.filter { !$0.contains(" INFO ") }
    #expect(errorLines.count == 1, "\(result.errors)", sourceLocation: sourceLocation)
    #expect(result.errors.contains(name), "\(result.errors)", sourceLocation: sourceLocation)
  }

  /// Puts plugins and a configuration into `directory`, so that `ambit` can be run there.
  private func populate(_ directory: URL, with plugins: [PluginFile], configuration: String = "") async throws {
    let folder = directory.appending(path: "Plugins")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    for plugin in plugins { try await plugin.install(in: folder) }
    try directory.write(configuration, as: "host.conf")
  }
}
