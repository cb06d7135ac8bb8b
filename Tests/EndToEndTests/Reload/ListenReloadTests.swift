import Foundation
import Synchronization
import TestSupport
import Testing

/// `listen` at a reload.
@Suite struct `Addresses at a reload` {
  /// For a host in one process, which takes no notice of `workers`, and for one with workers.
  private static let configuration = "workers = 2\nthreads = 1"

  @Test(arguments: [true, false])
  func `A reload opens and closes addresses, and closes no connection`(isSingle: Bool) async throws {
    try await withHost(
      [.sample("hello")], configuration: Self.configuration, listeners: ["unix:a.sock"], isSingle: isSingle
    ) { host in
      let (old, new) = (host.directory.appending(path: "a.sock"), host.directory.appending(path: "b.sock"))
      let kept = try [host.connect(), Client(path: old.filePath, timeout: nil)]
      for client in kept { #expect(try await answer(on: client) == 200) }

      try host.configure(Self.configuration, listeners: ["unix:b.sock"])
      let result = try await ambit("reload", in: host.directory)
      #expect(result.status == .exited(0), "\(result.text)")
      let lines = result.text.split(separator: "\n")
      #expect(lines.contains("opened  unix:\(new.filePath)") && lines.contains("closed  unix:\(old.filePath)"))
      #expect(!FileManager.default.fileExists(atPath: old.filePath))
      for client in kept { #expect(try await answer(on: client) == 200) }
      #expect(try await answer(on: Client(path: new.filePath, timeout: nil)) == 200)
      #expect(try await host.get("/hello/World").status == 200)

      try await host.log.line(containing: " listening on unix:\(new.filePath)")
      try await host.log.line(containing: "stopped listening on unix:\(old.filePath)")
      let urls = ["http://127.0.0.1:\(host.port)", "unix:\(new.filePath)"]
      #expect(try await host.adminJSON("/status").texts("listen") == urls)
      let outcome = try await host.adminJSON("/reload", "-X", "POST")
      #expect(outcome.texts("opened").isEmpty && outcome.texts("closed").isEmpty)
    }
  }

  @Test func `A reload with an address that cannot be opened is refused, and names it`() async throws {
    try await withHost([.sample("hello")], listeners: ["unix:a.sock"]) { host in
      try host.configure("threads = 2", listeners: ["unix:b.sock", "192.0.2.1:8080"])
      let result = try await ambit("reload", in: host.directory)
      #expect(result.status == .exited(1))
      #expect(result.text.contains("cannot listen on 192.0.2.1:8080: Cannot assign requested address"))
      #expect(!FileManager.default.fileExists(atPath: host.directory.appending(path: "b.sock").filePath))
      let old = host.directory.appending(path: "a.sock").filePath
      #expect(try await answer(on: Client(path: old, timeout: nil)) == 200)
      #expect(try await host.adminJSON("/status").texts("listen").count == 2)
    }
  }

  @Test func `A reload that is refused for its plugins closes what it has opened`() async throws {
    try await withHost([.sample("hello")]) { host in
      try host.configure("threads = 2\nplugins = 'Missing'", listeners: ["unix:b.sock"])
      let result = try await ambit("reload", in: host.directory)
      #expect(result.status == .exited(1), "\(result.text)")
      #expect(!FileManager.default.fileExists(atPath: host.directory.appending(path: "b.sock").filePath))
      #expect(try await host.adminJSON("/status").texts("listen") == ["http://127.0.0.1:\(host.port)"])
    }
  }

  @Test func `The mode of a unix socket changes at a reload`() async throws {
    try await withHost([.sample("hello")], listeners: ["{ address = \"unix:a.sock\", mode = \"0600\" }"]) { host in
      let path = host.directory.appending(path: "a.sock").filePath
      for mode in ["0660", "0666"] {
        try host.configure("threads = 2", listeners: ["{ address = \"unix:a.sock\", mode = \"\(mode)\" }"])
        try await host.reloadOnRequest()
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect(attributes[.posixPermissions] as? Int == Int(mode, radix: 8))
      }
    }
  }

  @Test(arguments: [true, false])
  func `No client is refused while addresses take the place of wider and narrower ones`(isSingle: Bool) async throws {
    try await withHost([.sample("hello")], configuration: Self.configuration, isSingle: isSingle) { host in
      let clients = Clients()
      async let first = onOwnThread { clients.run(port: host.port) }
      async let second = onOwnThread { clients.run(port: host.port) }
      defer { clients.isOver.withLock { $0 = true } }
      for round in 0..<10 {
        let address = ["0.0.0.0", "127.0.0.1"][round % 2]
        try host.directory.write(
          "listen = ['\(address):\(host.port)']\nprivate = '\(host.directory.filePath)/private'\n\(Self.configuration)\n",
          as: "host.conf")
        let result = try await ambit("reload", in: host.directory)
        #expect(result.status == .exited(0), "\(result.text)")
        #expect(result.text.contains("opened  http://\(address):\(host.port)"), "\(result.text)")
      }
      clients.isOver.withLock { $0 = true }
      #expect(try await first > 0)
      #expect(try await second > 0)
      #expect(clients.failures.withLock { $0 } == [])
    }
  }

  /// Clients that connect one after the other until the test is over.
  private final class Clients: Sendable {
    let isOver = Mutex(false)
    let failures = Mutex<[String]>([])

    /// - Returns: how many got their response.
    func run(port: UInt16) -> Int {
      var count = 0
      while !isOver.withLock({ $0 }) {
        do {
          let client = try Client(port: port)
          try client.send("GET /hello/World HTTP/1.1\r\nHost: ambit\r\nConnection: close\r\n\r\n")
          guard try client.reply().status == 200 else { throw ClientError(description: "not status 200") }
          count += 1
        } catch {
          failures.withLock { $0.append("\(error)") }
        }
      }
      return count
    }
  }

  /// The status of a response on a connection that stays open.
  private func answer(on client: Client) async throws -> Int {
    try await client.send("GET /hello/World HTTP/1.1\r\nHost: ambit\r\n\r\n")
    return try await client.response().status
  }
}
