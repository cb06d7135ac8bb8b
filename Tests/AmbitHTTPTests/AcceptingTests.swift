import AmbitCore
import AmbitRuntime
import AmbitSystem
import CAmbit
import CLinux
import Foundation
import Glibc
import TestSupport
import Testing

@testable import AmbitHTTP

/// Which loop takes a new connection.
@Suite struct `New connections` {
  /// Answers with the index of the loop that it runs on.
  private static let place = TestRoute("GET /place") { scope in
    let index = "\(LoopPointer.ofThisThread!.pointee.index)"
    return ambit_respond(scope, 200, nil, index, index.utf8.count)
  }

  /// Blocks its loop until the journal has the line `release`.
  private static let block = TestRoute("GET /block") { scope in
    scope.note("blocked")
    _ = scope.journal.waits(for: "release")
    return ambit_respond(scope, 200, nil, "ok", 2)
  }

  @Test(arguments: [nil, "local"])
  func `New connections are served while one of two loops is blocked`(name: String?) throws {
    let folder = try TemporaryFolder()
    let server = try TestServer([Self.place], threads: 2, path: name.map { folder.path(of: "\($0).sock") })
    try server.holdingLoop {
      for _ in 0..<20 {
        let place = try place(on: Client(server))
        #expect(place == "1")
      }
    }
  }

  @Test(arguments: [true, false])
  func `New connections go to another loop when a handler that becomes ready in the same turn blocks this one`(
    connectsFirst: Bool
  ) throws {
    let server = try TestServer([Self.place, Self.block], threads: 2)
    let blocker = try connection(to: "0", of: server)
    let releases = [server.hold(0), server.hold(1)]
    func blockFirstLoop() throws { try blocker.send("GET /block HTTP/1.1\r\nHost: a\r\n\r\n") }

    if !connectsFirst { try blockFirstLoop() }
    let clients = try (0..<8).map { _ in try Client(server) }
    for client in clients { try client.send("GET /place HTTP/1.1\r\nHost: a\r\n\r\n") }
    if connectsFirst { try blockFirstLoop() }
    for client in clients + [blocker] { client.waitForDelivery() }

    releases[0]()
    #expect(server.journal.waits(for: "blocked"))
    releases[1]()
    for client in clients {
      let reply = try client.reply()
      #expect(reply.text == "1")
    }
    server.journal.note("release")
    #expect(try blocker.reply().text == "ok")
  }

  @Test func `New connections that come one after the other are shared among the loops`() throws {
    let server = try TestServer([Self.place], threads: 2)
    var counts = ["0": 0, "1": 0]
    for _ in 0..<1000 { counts[try place(on: Client(server)), default: 0] += 1 }
    #expect(counts.values.allSatisfy { (200...800).contains($0) }, "\(counts)")
  }

  @Test func `New connections that stay open are shared among the loops from the first on`() throws {
    let server = try TestServer([Self.place], threads: 2)
    let clients = try (0..<8).map { _ in
      let client = try Client(server)
      return (client, try place(on: client))
    }
    #expect((1...7).contains(clients.count { $0.1 == "0" }), "\(clients.map(\.1))")
  }

  @Test func `New connections are accepted by no loop after a drain that a blocked loop has not taken part in`() throws
  {
    let server = try TestServer([Self.place, Self.block], threads: 2)
    let blocker = try connection(to: "0", of: server)
    let release = server.hold(0)
    // Both are in the same batch of the first loop's events, and the listener's is handled after the drain.
    try blocker.send("GET /block HTTP/1.1\r\nHost: a\r\n\r\n")
    release()
    #expect(server.journal.waits(for: "blocked"))
    server.drain()
    #expect(throws: ClientError.self) { try Client(server) }
    server.journal.note("release")
    #expect(try blocker.reply().text == "ok")
    #expect(server.counts(becoming: .init()) == .init())
  }

  // Two servers in this process stand for two processes here: each has event loops, descriptors and counters of its
  // own.

  @Test func `New connections are served by another process while all loops of one are blocked`() throws {
    let (first, second) = try Self.pair()
    defer { second.drain() }
    try first.holdingLoop {
      for _ in 0..<20 { _ = try place(on: Client(first)) }
      #expect(second.answered == 20)
    }
  }

  @Test func `New connections go to another process when a handler that becomes ready in the same turn blocks a loop`()
    throws
  {
    let (first, second) = try Self.pair()
    defer { second.drain() }
    let blocker = try connection(of: first)
    let before = second.answered
    let releases = [first.hold(0), second.hold(0)]
    try blocker.send("GET /block HTTP/1.1\r\nHost: a\r\n\r\n")
    let clients = try (0..<8).map { _ in try Client(first) }
    for client in clients { try client.send("GET /place HTTP/1.1\r\nHost: a\r\n\r\n") }
    releases[0]()
    #expect(first.journal.waits(for: "blocked"))
    releases[1]()
    for client in clients { #expect(try client.reply().status == 200) }
    #expect(second.answered == before + 8)
    first.journal.note("release")
    #expect(try blocker.reply().text == "ok")
  }

  @Test(arguments: [true, false])
  func `New connections are shared among the loops of two processes`(stayOpen: Bool) throws {
    let (first, second) = try Self.pair()
    defer { second.drain() }
    var open: [Client] = []
    for _ in 0..<1000 {
      let client = try Client(first)
      _ = try place(on: client)
      if stayOpen { open.append(client) }
    }
    let counts = [first.answered, second.answered]
    #expect(counts.reduce(0, +) == 1000 && counts.allSatisfy { (350...650).contains($0) }, "\(counts)")
  }

  @Test
  func `New connections are served by the others when a process has closed the socket while its loop was blocked`()
    throws
  {
    let (first, second) = try Self.pair()
    let release = first.hold(0)
    #expect(!first.http.stopAccepting(on: first.sockets[0]))
    first.sockets.close(isInUse: true)
    for _ in 0..<20 { _ = try place(on: Client(second)) }
    release()
    for _ in 0..<20 { _ = try place(on: Client(second)) }
    #expect(first.answered == 0 && second.answered == 40)
  }

  @Test func `A new connection is served by another loop if the process that was woken for it does not run`() throws {
    let socket = try ListeningSocket(.internet(address: [127, 0, 0, 1], port: 0))
    // The kernel wakes the process first that watches first.
    let stopped = try StoppedProcess(watching: socket)
    let server = try TestServer([Self.place], on: socket, sharing: AcceptSharing(nil, loopCount: 2))
    let client = try Client(server)
    try client.send("GET /place HTTP/1.1\r\nHost: a\r\n\r\n")
    stopped.waitForWakeup()
    #expect(server.counts == .init())
    let watch = BacklogWatch()
    watch.start(server.sockets)
    #expect(try client.reply().text == "0")
    watch.stop()
  }

  /// The servers of two processes that accept from one socket, with a loop each.
  private static func pair() throws -> (TestServer, TestServer) {
    let counters = SharedCounters(slots: 2)
    let memory = try #require(counters.passedDescriptor)
    let copy = try #require(SharedCounters(received: clinux_duplicate(memory), slots: 2))
    let first = try TestServer([place, block], sharing: AcceptSharing((counters, 0), loopCount: 2))
    let second = try TestServer(
      [place, block], on: first.sockets[0].passed(), sharing: AcceptSharing((copy, 1), loopCount: 2))
    return (first, second)
  }

  /// A process that is stopped as soon as the kernel has woken it for a connection, so that it does not accept.
  private final class StoppedProcess: Sendable {
    private let epoll = epoll_create1(0)
    private let woken = Latch<Void>()

    init(watching socket: ListeningSocket) throws {
      var event = epoll_event(events: clinux_epollin | clinux_epollexclusive, data: epoll_data())
      try #require(epoll_ctl(epoll, EPOLL_CTL_ADD, socket.descriptor, &event) == 0)
      let started = Latch<String?>()
      Thread.detachNewThread { [epoll, woken] in
        started.arrive(try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/thread-self"))
        var event = epoll_event()
        epoll_wait(epoll, &event, 1, -1)
        woken.arrive(())
      }
      let thread = try #require(started.wait()?[0])
      let calls = [SYS_epoll_wait, SYS_epoll_pwait].map { "\($0) " }
      _ = eventuallyBlocking(until: { call in calls.contains { call.hasPrefix($0) } }) {
        (try? String(contentsOfFile: "/proc/\(thread)/syscall", encoding: .utf8)) ?? ""
      }
    }

    deinit { close(epoll) }

    func waitForWakeup() { _ = woken.wait() }
  }

  /// A connection that the server itself has accepted, not the one that shares its socket.
  private func connection(of server: TestServer) throws -> Client {
    var others: [Client] = []
    while others.count < 100 {
      let before = server.answered
      let client = try Client(server)
      _ = try place(on: client)
      if server.answered > before { return client }
      others.append(client)
    }
    throw ClientError(description: "no connection to this server")
  }

  private func connection(to loop: String, of server: TestServer) throws -> Client {
    var others: [Client] = []
    while true {
      let client = try Client(server)
      if try place(on: client) == loop { return client }
      others.append(client)
      if others.count == 100 { throw ClientError(description: "no connection to loop \(loop)") }
    }
  }

  private func place(on client: Client) throws -> String {
    try client.send("GET /place HTTP/1.1\r\nHost: a\r\n\r\n")
    return try client.reply().text
  }
}
