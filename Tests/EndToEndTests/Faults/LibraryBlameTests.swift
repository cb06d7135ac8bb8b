import Foundation
import TestSupport
import Testing

/// Libraries whose functions are routes end workers: they are blamed as plugins are.
@Suite(.disabled(if: Places.isSanitized)) struct `A library of routes that ends its worker` {
  private static let library = PluginFile.source(
    """
    static int *volatile nowhere;
    void boom(void);
    void boom(void) { *nowhere = 1; }
    int nine(void);
    int nine(void) { return 9; }
    void spin(void);
    void spin(void) { for (;;) __asm__ volatile(""); }
    """, name: "f")
  private static let ownRoutes = route("/boom", "./f.so: void boom()") + route("/nine", "./f.so: i32 nine()")
  private static let absolute = route("/abs/{x}", "libc.so.6: i32 abs(i32 x)")

  private static func configuration(limit: Int, _ routes: String) -> String {
    """
    workers = 1
    threads = 1
    crash_limit = \(limit)
    prove_time = "0s"
    [limits]
    hang_limit = "300ms"

    \(routes)
    """
  }

  private static func route(_ path: String, _ call: String, _ more: String = "") -> String {
    "[[route]]\nmatch = \"GET \(path)\"\ncall = \"\(call)\"\n\(more)\n"
  }

  /// Asks for a path that ends the worker, and waits until another one serves.
  /// - Returns: the line about the death.
  private func crash(_ host: Host, _ path: String) async throws -> LogLine {
    let position = host.log.position
    let client = try host.connect()
    try await client.send("GET \(path) HTTP/1.1\r\nHost: ambit\r\n\r\n")
    #expect(try await client.rest().isEmpty)
    try await host.log.line(after: position, containing: "serves again")
    return try await host.log.line(after: position, containing: "worker 1 died: ")
  }

  @Test func `A copied library is blamed and quarantined by its name, and a retry tries it again`() async throws {
    let configuration = Self.configuration(limit: 3, Self.ownRoutes + Self.absolute)
    try await withHost([], configuration: configuration, libraries: [Self.library]) { host in
      for _ in 1...3 {
        let line = try await crash(host, "/boom")
        #expect(line.contains("SIGSEGV at 0x0 in boom+0x") && line.contains(" (f.so.1."), "\(line)")
        #expect(line.field("plugin") == "f.so/1" && line.field("fault") == "plugin", "\(line)")
        #expect(line.field("route") == "GET /boom" && line.field("work") == "handler", "\(line)")
      }
      let line = try await host.log.line(containing: "library f.so/1 is quarantined: 3 crashes in ")
      #expect(line.contains("\"ambit reload --retry ./f.so\""), "\(line)")
      let refused = try await host.get("/nine")
      #expect(refused.status == 503 && refused.text.contains("library ./f.so is quarantined (3 crashes in "))
      #expect(try await host.get("/abs/-4").text == "4")
      #expect(try await ambit("reload", in: host.directory).text.contains("quarantined since 20"))
      #expect(try await host.get("/nine").status == 503)
      let retry = try await ambit("reload", "--retry", "./f.so", in: host.directory)
      #expect(retry.status == .exited(0) && retry.text.contains("changed  f.so/2"), "\(retry.text)")
      #expect(try await host.get("/nine").text == "9")
    }
  }

  // Code of the C library is on the stack of most crashes of plugins, too: only the call of the route decides.
  @Test func `A library of the system is blamed for a call by a route, and other routes of it end the quarantine`()
    async throws
  {
    let length = Self.route("/length", "libc.so.6: size strlen(ptr null)")
    let configuration = Self.configuration(limit: 1, length + Self.absolute + Self.ownRoutes)
    try await withHost([], configuration: configuration, libraries: [Self.library]) { host in
      let line = try await crash(host, "/length")
      #expect(line.contains("SIGSEGV at 0x0 in ") && line.contains("(libc.so.6)"), "\(line)")
      #expect(line.field("plugin") == "libc.so.6/1" && line.field("route") == "GET /length", "\(line)")
      try await host.log.line(containing: "library libc.so.6/1 is quarantined: 1 crash, the last: SIGSEGV")
      #expect(try await host.get("/abs/-4").status == 503)
      #expect(try await host.get("/nine").text == "9")
      try host.configure(Self.configuration(limit: 1, Self.absolute + Self.ownRoutes))
      #expect(try await host.reload().field("changed") == "1")
      #expect(try await host.get("/abs/-4").text == "4")
    }
  }

  @Test func `A library whose function hangs on an event loop is blamed and quarantined`() async throws {
    let spin = Self.route("/spin", "./f.so: void spin()", "serial = false\nblocking = false")
    let configuration = Self.configuration(limit: 1, spin + Self.absolute)
    try await withHost([], configuration: configuration, libraries: [Self.library]) { host in
      let line = try await crash(host, "/spin")
      #expect(line.contains("since event loop 0 is blocked by ") && line.field("plugin") == "f.so/1", "\(line)")
      try await host.log.line(containing: "library f.so/1 is quarantined: 1 crash, the last: it has accepted no ")
      #expect(try await host.get("/spin").status == 503)
      #expect(try await host.get("/abs/-4").text == "4")
    }
  }
}
