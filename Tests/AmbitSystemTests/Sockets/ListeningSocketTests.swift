import AmbitCore
import Glibc
import TestSupport
import Testing

@testable import AmbitSystem

/// Sockets that listen at addresses of the internet families.
@Suite struct `A listening socket` {
  /// Whether this machine has IPv6.
  private static let hasIPv6 = (try? ListeningSocket(.internet(address: loopback6, port: 0)))?.closed() != nil
  private static let loopback6 = [UInt8](repeating: 0, count: 15) + [1]

  @Test func `A connection inherits TCP keep-alive and the delay from the listening socket`() throws {
    let listener = try ListeningSocket(.internet(address: [127, 0, 0, 1], port: 0))
    defer { listener.close() }
    let client = try Client(port: listener.port)
    let connection = accept(listener.descriptor, nil, nil)
    defer { close(connection) }
    #expect(option(SO_KEEPALIVE, SOL_SOCKET, of: connection) == 1)
    let values = [TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_NODELAY].map {
      option($0, Int32(IPPROTO_TCP), of: connection)
    }
    #expect(values == [60, 15, 4, 1])
    client.close()
  }

  @Test(.enabled(if: hasIPv6, "this machine has no IPv6"))
  func `Every IPv4 and every IPv6 address are two sockets of one port`() throws {
    let first = try ListeningSocket(.internet(address: [0, 0, 0, 0], port: 0))
    defer { first.close() }
    let second = try ListeningSocket(.internet(address: [UInt8](repeating: 0, count: 16), port: first.port))
    #expect(second.url == "http://[::]:\(first.port)")
    second.close()
  }

  @Test(.enabled(if: hasIPv6, "this machine has no IPv6"))
  func `All addresses of the machine are one socket, which IPv4 reaches too`() throws {
    let socket = try ListeningSocket(.any(port: 0))
    defer { socket.close() }
    #expect(socket.url == "http://*:\(socket.port)" && socket.note == nil)
    #expect(throws: Never.self) { try Client(port: socket.port) }
  }

  @Test func `An address that is taken is refused with the system's reason`() throws {
    let first = try ListeningSocket(.internet(address: [127, 0, 0, 1], port: 0))
    defer { first.close() }
    let error = #expect(throws: ListenError.self) {
      try ListeningSocket(.internet(address: [127, 0, 0, 1], port: first.port))
    }
    #expect(error?.description == "cannot listen on 127.0.0.1:\(first.port): Address already in use")
  }

  @Test func `A socket that another process has passed on is closed here and goes on listening there`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path(of: "a.sock")
    let owner = try ListeningSocket(.unix(path: path))
    defer { owner.close() }
    let copies = owner.passedDescriptors.map { dup($0) }
    let received = try #require(ListeningSocket.received([owner.handover], copies).first)
    #expect((received.id, received.url) == (owner.id, owner.url) && received.descriptor != owner.descriptor)
    let waiting = try Client(path: path)
    received.close()
    #expect(!copies.contains { isCopy($0, of: owner) }, "closed")
    #expect(throws: Never.self) { try Client(path: path) }
    let connection = accept(owner.descriptor, nil, nil)
    #expect(connection >= 0, "the client that waited is not lost")
    close(connection)
    waiting.close()
  }

  @Test func `A socket of which a descriptor has not come is left out`() throws {
    let owner = try ListeningSocket(.internet(address: [127, 0, 0, 1], port: 0))
    defer { owner.close() }
    let copies = [dup(owner.descriptor), -1] + owner.passedDescriptors.map { dup($0) } + [dup(owner.relay)]
    let sockets = ListeningSocket.received([owner.handover, owner.handover], copies)
    defer { sockets.close() }
    #expect(sockets.map(\.passedDescriptors) == [[copies[2], copies[3]]])
    #expect(![copies[0], copies[4]].contains { isCopy($0, of: owner) }, "closed")
  }

  /// Whether a number is a descriptor of what `socket` has opened. Other tests use numbers again that are free.
  private func isCopy(_ descriptor: Int32, of socket: ListeningSocket) -> Bool {
    func file(_ descriptor: Int32) -> String? {
      var status = stat()
      guard fstat(descriptor, &status) == 0 else { return nil }
      // All eventfds are one file.
      let lines = (try? TextFile.read("/proc/self/fdinfo/\(descriptor)"))?.split(separator: "\n") ?? []
      return "\(status.st_ino) \(lines.filter { $0.hasPrefix("eventfd-id") })"
    }
    return socket.passedDescriptors.contains { file($0) == file(descriptor) }
  }

  private func option(_ name: Int32, _ level: Int32, of descriptor: Int32) -> Int32 {
    var value: Int32 = -1
    var size = socklen_t(4)
    return getsockopt(descriptor, level, name, &value, &size) == 0 ? value : -1
  }
}

extension ListeningSocket {
  fileprivate var port: UInt16 { UInt16(url.split(separator: ":").last!)! }

  fileprivate func closed() -> ListeningSocket {
    close()
    return self
  }
}
