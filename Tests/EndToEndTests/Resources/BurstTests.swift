import Foundation
import Glibc
import TestSupport
import Testing

/// The memory that a host keeps after a burst of clients. `AMBIT_BURSTS=long` has the numbers of clients and rounds
/// that the bounds are meant for: 48 MiB above the start, 8 MiB above the second round. It needs 12,000 descriptors.
@Suite(.serialized, .disabled(if: Places.isSanitized, "a sanitizer keeps what is freed"))
struct `Memory after a burst` {
  private static let isLong = ProcessInfo.processInfo.environment["AMBIT_BURSTS"] == "long"
  private static let rounds = isLong ? 5 : 3

  @Test func `Memory goes back after a burst of broken uploads to an echo route`() async throws {
    try await withBursts(bound: Self.isLong ? 48 : 16) { port in
      let body = [UInt8](repeating: 120, count: 4 << 20)
      var clients: [Client] = []
      for index in 0..<(Self.isLong ? 100 : 40) {
        let client = try Client.ofBurst(port)
        client.offer("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.count)\r\n\r\n")
        client.offer(body[..<(body.count * (index % 8 + 1) / 8 - 1)])
        clients.append(client)
      }
      return clients
    }
  }

  @Test func `Memory goes back after a burst of held requests whose clients leave`() async throws {
    try await withBursts(bound: Self.isLong ? 48 : 30) { port in
      try (0..<(Self.isLong ? 10_000 : 3_000)).map { _ in
        let client = try Client.ofBurst(port)
        client.offer("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n")
        return client
      }
    }
  }

  @Test func `Memory goes back after a burst of slow, broken and pipelined requests`() async throws {
    try await withBursts(bound: Self.isLong ? 48 : 28) { port in
      let clients = try (0..<(Self.isLong ? 4_000 : 1_200)).map { _ in try Client.ofBurst(port) }
      let lengths = [4096, 60_000, 100_000, 1 << 20, 4 << 20]
      for (index, client) in clients.enumerated() {
        switch index % 5 {
        case 0: client.offer("GET /plain HTTP/1.1\r\nHost: a\r\nX-Slow: a")
        case 1:
          let length = lengths[index / 5 % lengths.count]
          client.offer("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: \(length)\r\n\r\n")
        case 2:
          client.offer(String(repeating: "GET /large HTTP/1.1\r\nHost: a\r\n\r\n", count: index / 5 % 7 + 1))
        case 3: client.offer(String(repeating: "GET /plain HTTP/1.1\r\nHost: a\r\n\r\n", count: 40))
        default: client.offer("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        }
      }
      let piece = [UInt8](repeating: 121, count: 30_000)
      for round in 0..<10 {
        for (index, client) in clients.enumerated() {
          switch index % 5 {
          case 0: client.offer(piece[..<200])
          case 1: client.offer(piece[..<((index * 977 + round * 7919) % 30_000 + 1)])
          case 2: client.discard(1000)
          case 4:
            client.offer("2000\r\n")
            client.offer(piece[..<8192])
            client.offer("\r\n")
          default: break
          }
        }
      }
      // They leave in another order than they came.
      return clients.indices.map { clients[$0 * 7919 % clients.count] }
    }
  }

  /// Has the clients of `burst` leave, round by round, and waits each time until the host's memory, page tables
  /// included, is within `bound` MiB of the start. The long form also wants it, from the third round on, within 8 MiB
  /// of what it was after the second; the short form's bursts are cut short by whatever else the machine does, so that
  /// its rounds differ.
  private func withBursts(
    bound: Int, _ burst: @escaping @Sendable (UInt16) throws -> [Client]
  ) async throws {
    raiseDescriptorLimit()
    try await withHost([.probe("bursts")], configuration: "threads = 2") { host in
      #expect(try await host.get("/plain").status == 200)
      let start = try host.footprint()
      var most = start + bound << 20
      for round in 1...Self.rounds {
        try await onOwnThread { for client in try burst(host.port) { client.close() } }
        #expect(try await host.get("/plain").status == 200)
        let reached = try await host.footprint(fallenTo: most)
        if Self.isLong, round == 2 { most = min(most, reached + 8 << 20) }
      }
    }
  }
}

extension Client {
  /// Connects a client that waits for nothing. A client that the host does not read from must not delay the others.
  fileprivate static func ofBurst(_ port: UInt16) throws -> Client {
    try Client(port: port, timeout: .milliseconds(200))
  }

  /// Sends as many of the bytes as the kernel takes in time.
  fileprivate func offer(_ bytes: ArraySlice<UInt8>) {
    try? send(Array(bytes))
  }

  fileprivate func offer(_ text: String) { offer(Array(text.utf8)[...]) }

  /// Takes up to `most` bytes that are there already.
  fileprivate func discard(_ most: Int) {
    var bytes = [UInt8](repeating: 0, count: most)
    _ = recv(descriptor, &bytes, most, Int32(MSG_DONTWAIT))
  }
}

private func raiseDescriptorLimit() {
  var limit = rlimit()
  getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  limit.rlim_cur = limit.rlim_max
  setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
}

extension Host {
  /// Bytes of memory that the host has to itself, its page tables among them.
  fileprivate func footprint() throws -> Int {
    let rollup = try String(contentsOfFile: "/proc/\(servingProcess)/smaps_rollup", encoding: .utf8)
    let pss = rollup.firstMatch(of: /\nPss: +([0-9]+) kB/).flatMap { Int($0.1) }
    return (try #require(pss) << 10) + (try memory("VmPTE"))
  }

  /// Waits until the host has no more than `most` bytes, half a minute at most.
  /// - Returns: how many it has then.
  fileprivate func footprint(fallenTo most: Int) async throws -> Int {
    try await eventually(within: .seconds(30), every: .milliseconds(200), until: { $0 <= most }) { try footprint() }
  }
}
