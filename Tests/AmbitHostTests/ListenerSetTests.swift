import AmbitCore
import AmbitSystem
import Glibc
import TestSupport
import Testing

@testable import AmbitHost

/// Which sockets a host has after each change of `listen`.
@Suite struct `Listening sockets at a reload` {
  private static let loopback: [UInt8] = [127, 0, 0, 1]
  private static let anywhere: [UInt8] = [0, 0, 0, 0]

  private func request(_ address: ListenAddress, mode: UInt32 = 0o666) -> ListeningSocket.Request {
    (address, SocketRights(mode: mode))
  }

  private func request(_ bytes: [UInt8] = loopback, _ port: UInt16 = 0) -> ListeningSocket.Request {
    request(.internet(address: bytes, port: port))
  }

  @Test func `An entry that stays keeps its socket, also with port 0`() throws {
    let set = ListenerSet()
    defer { set.close() }
    try set.use([request(), request()])
    let before = set.sockets
    let change = try set.use([request(), request(), request()])
    #expect(set.sockets.count == 3 && change.added.count == 1 && change.removed.isEmpty)
    #expect(zip(before, set.sockets).allSatisfy { $0 === $1 })
    #expect(Set(set.urls).count == 3)
  }

  @Test func `An entry may name the port that the system has chosen for it`() throws {
    let set = ListenerSet()
    defer { set.close() }
    try set.use([request()])
    let socket = set.sockets[0]
    let change = try set.use([request(Self.loopback, socket.port)])
    #expect(set.sockets[0] === socket && change.added.isEmpty && change.removed.isEmpty)
  }

  @Test func `A removed address is closed when the workers accept from it no more`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path(of: "a.sock")
    let set = ListenerSet()
    defer { set.close() }
    try set.use([request()])
    let old = set.sockets[0]
    let change = try set.prepare([request(.unix(path: path))])
    #expect(change.added.map(\.socket.url) == ["unix:\(path)"])
    #expect(throws: Never.self, "it listens already") { try Client(path: path) }
    set.commit(change) { socket in
      #expect(socket === old && set.urls == ["unix:\(path)"])
      #expect(throws: Never.self, "it still listens") { try Client(port: old.port) }
      return true
    }
    #expect(throws: ClientError.self) { try Client(port: old.port) }
  }

  @Test func `If one address cannot be opened, the others are as they were`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path(of: "a.sock")
    let set = ListenerSet()
    defer { set.close() }
    try set.use([request()])
    let taken = try ListeningSocket(.internet(address: Self.loopback, port: 0))
    defer { taken.close() }
    let error = #expect(throws: ListenError.self) {
      try set.prepare([request(.unix(path: path)), request(Self.loopback, taken.port)])
    }
    #expect(error?.description == "cannot listen on 127.0.0.1:\(taken.port): Address already in use")
    #expect(access(path, F_OK) != 0, "the socket that was opened is closed")
    #expect(throws: Never.self) { try Client(port: set.sockets[0].port) }
  }

  @Test func `An address that takes the place of a wider or narrower one is opened while that still listens`() throws {
    let set = ListenerSet()
    defer { set.close() }
    try set.use([request()])
    let port = set.sockets[0].port
    for bytes in [Self.anywhere, Self.loopback, Self.anywhere] {
      let change = try set.prepare([request(bytes, port)])
      let (old, new) = (change.removed[0].socket, change.added[0].socket)
      let client = try Client(port: port)
      let narrower = bytes == Self.anywhere ? old : new
      let connection = accept(narrower.descriptor, nil, nil)
      #expect(connection >= 0, "the kernel prefers the narrower address")
      close(connection)
      set.finish(change)
      #expect(throws: Never.self) { try Client(port: port) }
      client.close()
    }
    // No other socket gets in beside them, not even one of the same user.
    #expect(throws: ListenError.self) { try ListeningSocket(.internet(address: Self.loopback, port: port)) }
  }

  @Test func `The rights of a unix socket change, and change back if the reload is refused`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path(of: "a.sock")
    let set = ListenerSet()
    defer { set.close() }
    try set.use([request(.unix(path: path), mode: 0o600)])
    let socket = set.sockets[0]
    let change = try set.prepare([request(.unix(path: path), mode: 0o660)])
    #expect(try Self.mode(of: path) == 0o660)
    set.abandon(change) { _ in true }
    #expect(try Self.mode(of: path) == 0o600)
    try set.use([request(.unix(path: path), mode: 0o666)])
    #expect(try Self.mode(of: path) == 0o666)
    #expect(set.sockets[0] === socket)
  }

  @Test(.enabled(if: geteuid() == 0, "only root may set an owner"))
  func `A unix socket without an owner in its entry gets the one that the system chose`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path(of: "a.sock")
    let set = ListenerSet()
    defer { set.close() }
    try set.use([(.unix(path: path), SocketRights(owner: 12345, group: 54321))])
    try set.use([request(.unix(path: path))])
    var status = stat()
    #expect(lstat(path, &status) == 0 && (status.st_uid, status.st_gid) == (geteuid(), getegid()))
  }

  @Test func `A change that is taken back closes what it has opened, and nothing else`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path(of: "a.sock")
    let set = ListenerSet()
    defer { set.close() }
    try set.use([request()])
    let change = try set.prepare([request(.unix(path: path))])
    var stopped: [String] = []
    set.abandon(change) { socket in
      stopped.append(socket.url)
      return true
    }
    #expect(stopped == ["unix:\(path)"] && access(path, F_OK) != 0)
    #expect(set.sockets.count == 1)
    #expect(throws: Never.self) { try Client(port: set.sockets[0].port) }
  }

  @Test func `Clients that ask while a wider address takes the place of a narrower one reach the wider one`() throws {
    let set = ListenerSet()
    defer { set.close() }
    try set.use([request()])
    let port = set.sockets[0].port
    let change = try set.prepare([request(Self.anywhere, port)])
    let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
    defer { close(client) }
    set.commit(change) { _ in
      // The client asks now, and has no answer yet if it is held back.
      Self.connect(client, to: port)
      return true
    }
    var event = pollfd(fd: client, events: Int16(POLLOUT), revents: 0)
    #expect(poll(&event, 1, 60_000) == 1 && Int32(event.revents) == POLLOUT)
    let connection = accept(set.sockets[0].descriptor, nil, nil)
    #expect(connection >= 0)
    close(connection)
  }

  /// Begins to connect a non-blocking socket to a port of this machine.
  private static func connect(_ client: Int32, to port: UInt16) {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    _ = withUnsafeBytes(of: &address) {
      Glibc.connect(client, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
    }
  }

  private static func mode(of path: String) throws -> mode_t {
    var status = stat()
    try #require(lstat(path, &status) == 0)
    return status.st_mode & 0o777
  }
}

extension ListenerSet {
  /// Prepares and commits, with workers that do at once what they are told.
  @discardableResult
  func use(_ requests: [ListeningSocket.Request]) throws -> Change {
    let change = try prepare(requests)
    finish(change)
    return change
  }

  func finish(_ change: Change) { commit(change) { _ in true } }
}

extension ListeningSocket {
  /// Its port.
  var port: UInt16 { UInt16(url.split(separator: ":").last!)! }
}
