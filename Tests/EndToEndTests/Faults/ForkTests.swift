import Foundation
import Glibc
import TestSupport
import Testing

/// Plugin code may fork. The child has no descriptor of the host, and runs no code of the host.
@Suite struct `A process that plugin code forks` {
  @Test(
    arguments: [
      ("/handler", "handler", nil), ("/unanswered", "handler", nil), ("/thread", "handler", nil),
      ("/large", "handler", nil),
      ("/job", "job", "forker"), ("/on_end", "on_end function", nil), ("/on_cancel", "on_cancel function", nil),
      ("/block", "handler", nil), ("/function", "handler", nil),
    ] as [(String, String, String?)])
  func `A forked process that returns into the host ends, with a line that names the plugin and its call`(
    path: String, work: String, job: String?
  ) async throws {
    try await withHost([.fixture("forks")]) { host in
      let connection = try host.connect()
      try await connection.send("GET \(path) HTTP/1.1\r\nHost: ambit\r\n\r\n")
      let answer = try await connection.response()
      #expect(answer.status == 200)
      #expect(path == "/unanswered" ? answer["X-Child"] == "exited 1" : answer.text == "1", "\(answer)")
      let line = try await host.log.line { $0.contains("returned from") && $0.field("route") == "GET \(path)" }
      #expect(line.contains(" ERROR ") && line.field("fault") == "plugin", "\(line)")
      #expect(line.field("plugin") == "forks/1" && line.field("work") == work, "\(line)")
      #expect(line.field("job") == job && line.field("request") != nil, "\(line)")
      #expect(line.field("parent") == "\(host.servingProcess)", "\(line)")
      // The host alone has the connection.
      try await connection.send("GET /execs HTTP/1.1\r\nHost: ambit\r\n\r\n")
      #expect(try await connection.response().text == "from exec, exit 0")
      #expect(host.log.lines { $0.contains("returned from") && $0.field("route") == "GET \(path)" }.count == 1)
    }
  }

  @Test func `A forked process that returns from start ends, in the dry run too`() async throws {
    let settings = "threads = 2\n[plugin.forks]\nforks_in_start = true"
    try await withHost([.fixture("forks")], configuration: settings) { host in
      let line = try await host.log.line { $0.contains("returned from start") && $0.field("work") == "start" }
      #expect(line.field("plugin") == "forks/1", "\(line)")
    }
  }

  @Test func `A forked process writes its line as JSON if the log is in JSON`() async throws {
    try await withHost([.fixture("forks")], configuration: "threads = 1\n[log]\nformat = \"json\"") { host in
      _ = try await host.get("/handler")
      let line = try await host.log.line { $0.contains("returned from") && $0.contains("GET /handler") }
      let object = try JSONObject(Array(line.text.utf8))
      #expect(object.text("level") == "error" && object.text("plugin") == "forks/1", "\(line)")
    }
  }

  @Test func `A forked process can execute a program`() async throws {
    try await withHost([.fixture("forks")]) { host in
      let answer = try await host.get("/execs")
      #expect(answer.text == "from exec, exit 0")
    }
  }

  @Test func `A forked process is refused by every call that needs the host`() async throws {
    try await withHost([.fixture("forks")]) { host in
      let answer = try await host.get("/calls")
      #expect(answer.text == "20 bytes, exit 0: -8 -8 -8 -8 -8")
      #expect(host.log.lines { $0.contains("a line of the child") }.isEmpty)
    }
  }

  @Test func `A forked process has no descriptor of the host, and keeps the plugin's own`() async throws {
    try await withHost([.fixture("forks")], listeners: ["unix:second.sock"]) { host in
      let other = try host.connect()
      try await other.send("GET /execs HTTP/1.1\r\nHost: ambit\r\n\r\n")
      _ = try await other.response()
      let child = try await Staying(on: host)
      defer { child.kill() }
      let links = try await child.descriptors()
      #expect(child.own.allSatisfy { links[$0]?.hasPrefix("pipe:") == true }, "\(links)")
      // The host may have inherited other descriptors. The log is kept for the line about a return.
      let rest = links.filter { $0.key > 2 && $0.value != links[2] && child.closesAtExec($0.key) }
      #expect(rest.isEmpty, "\(rest)")
    }
  }

  @Test func `A forked process does not keep a client's connection open`() async throws {
    try await withHost([.fixture("forks")]) { host in
      let connection = try host.connect()
      try await connection.send("GET /stays HTTP/1.1\r\nHost: ambit\r\nConnection: close\r\n\r\n")
      let child = try Staying(await connection.response().text)
      defer { child.kill() }
      #expect(try await connection.rest().isEmpty)
      #expect(child.isAlive)
    }
  }

  @Test func `A forked process does not keep the host's addresses when the host is gone`() async throws {
    // A host with workers kills what they have started.
    try await withHost([.fixture("forks")], listeners: ["unix:second.sock"], isSingle: true) { host in
      let child = try await Staying(on: host)
      defer { child.kill() }
      // Not SIGKILL, which this test counts as a crash of the host.
      host.child.signal(SIGTERM)
      #expect(await host.child.status == .exited(0))
      #expect(child.isAlive)
      #expect(throws: (any Error).self, "somebody listens") { try host.connect() }
      #expect(canBind(host.port))
    }
  }

  @Test func `A forked process can be ended by a signal`() async throws {
    try await withHost([.fixture("forks")]) { host in
      let child = try await Staying(on: host)
      defer { child.kill() }
      child.signal(SIGTERM)
      // It is dead. The handler that made it does not wait for it.
      try await eventually(within: .seconds(30), until: { !$0 }) { child.isAlive }
    }
  }
}

/// A forked child that keeps running, and the two descriptors that its handler had opened.
private struct Staying {
  let pid: pid_t
  let own: Set<Int>

  init(on host: Host) async throws { try self.init(await host.get("/stays").text) }

  init(_ text: String) throws {
    let numbers = text.split(separator: " ").compactMap { Int($0) }
    try #require(numbers.count == 3 && numbers[0] > 1, "\(text)")
    pid = pid_t(numbers[0])
    own = Set(numbers[1...])
  }

  func signal(_ number: Int32) { Glibc.kill(pid, number) }

  func kill() { signal(SIGKILL) }

  /// Neither gone nor a zombie.
  var isAlive: Bool { state != nil && state != "Z" }

  /// The target of each of its descriptors, once it has left fork.
  func descriptors() async throws -> [Int: String] {
    try await eventually(within: .seconds(30), until: { $0 }) { isSleeping }
    return try openDescriptors(of: pid)
  }

  /// Whether one of its descriptors is closed by exec, as all of the host's are: proc_pid_fdinfo(5).
  func closesAtExec(_ descriptor: Int) -> Bool {
    let text = try? String(contentsOfFile: "/proc/\(pid)/fdinfo/\(descriptor)", encoding: .utf8)
    let line = text?.split(separator: "\n").first { $0.hasPrefix("flags:") }
    let flags = line?.split(separator: "\t").last.flatMap { Int32($0, radix: 8) } ?? 0
    return flags & O_CLOEXEC != 0
  }

  /// It waits for a signal: nothing else in it sleeps.
  private var isSleeping: Bool { state == "S" }

  /// proc_pid_stat(5).
  private var state: Substring? {
    let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
    return text?.split(separator: ")").last?.split(separator: " ").first
  }
}

/// The target of each descriptor of a process: proc_pid_fd(5).
private func openDescriptors(of process: pid_t) throws -> [Int: String] {
  let folder = "/proc/\(process)/fd"
  let names = try FileManager.default.contentsOfDirectory(atPath: folder)
  return names.reduce(into: [:]) { links, name in
    guard let number = Int(name) else { return }
    links[number] = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(name)")
  }
}

/// Whether nobody listens at the port any more.
private func canBind(_ port: UInt16) -> Bool {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
  defer { close(descriptor) }
  var on: Int32 = 1
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, 4)
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = port.bigEndian
  address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
  let result = withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
    }
  }
  return result == 0 && listen(descriptor, 1) == 0
}
