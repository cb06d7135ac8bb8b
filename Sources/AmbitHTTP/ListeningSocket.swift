internal import AmbitCore
internal import AmbitRuntime
internal import CLinux
internal import Glibc

/// Why the host cannot listen at an address.
package struct ListenError: Error, CustomStringConvertible, Sendable {
  package let address: String
  package let reason: String

  package var description: String { "cannot listen on \(address): \(reason)" }

  /// Turns what the system refuses `body` into an error about `address`.
  static func about<Result>(
    _ address: ListenAddress, _ body: () throws(SystemError) -> Result
  ) throws(ListenError) -> Result {
    do throws(SystemError) {
      return try body()
    } catch {
      throw ListenError(address: address.description, reason: SystemError.text(error.code))
    }
  }
}

/// Sockets that accept connections at one address: one for each loop, or for a local socket one that all share.
struct ListeningSocket {
  let descriptors: [Int32]
  /// Where clients find it.
  let url: String
  /// The file of a local socket, to be removed at the end.
  let path: String?

  /// Binds and listens; nothing is accepted yet.
  /// - Parameter mode: the permissions of a local socket's file; nil: what the process's mask leaves of them.
  init(_ address: ListenAddress, loops: Int, mode: mode_t? = nil) throws(ListenError) {
    if case .unix(let path) = address {
      try self.init(local: path, mode: mode)
    } else {
      self = try ListenError.about(address) { () throws(SystemError) in
        try ListeningSocket(internet: address, loops: loops)
      }
    }
  }

  private init(local path: String, mode: mode_t?) throws(ListenError) {
    let local = ListenAddress.unix(path: path)
    let descriptor = try SocketFolder.locked(for: path) { () throws(ListenError) in
      if let process = Self.removeStale(path) {
        throw ListenError(address: local.description, reason: "process \(process) listens there")
      }
      var address = SocketAddress(local)
      return try ListenError.about(local) { () throws(SystemError) in
        try Self.open(&address, sharing: false, mode: mode)
      }
    }
    self.init(descriptors: [descriptor], url: "unix:\(path)", path: path)
  }

  private init(descriptors: [Int32], url: String, path: String?) {
    (self.descriptors, self.url, self.path) = (descriptors, url, path)
  }

  /// The first socket is bound without SO_REUSEPORT, so that an address which another process uses is refused; the
  /// others join it, and the kernel spreads connections over them; see socket(7).
  private init(internet address: ListenAddress, loops: Int) throws(SystemError) {
    var bound = SocketAddress(address)
    let first = try Self.open(&bound, sharing: true)
    bound.port = SocketAddress(localOf: first)?.port ?? bound.port
    var all = [first]
    for _ in 1..<max(loops, 1) { all.append(try Self.open(&bound, sharing: true, joins: true)) }
    self.init(descriptors: all, url: "http://\(bound.text ?? "?")", path: nil)
  }

  private static func open(
    _ address: inout SocketAddress, sharing: Bool, joins: Bool = false, mode: mode_t? = nil
  ) throws(SystemError) -> Int32 {
    let descriptor = try SystemError.check("socket", clinux_socket(address.family))
    do throws(SystemError) {
      if address.family != AF_UNIX { try set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1) }
      if address.family == AF_INET6 { try set(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 0) }
      if joins { try set(descriptor, SOL_SOCKET, SO_REUSEPORT, 1) }
      // Responses are written whole: waiting for more to send would only delay them. Linux passes the option on to the
      // connections that are accepted, which saves a call for each; accept(2) leaves that to the system.
      if address.family != AF_UNIX { try set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1) }
      // Before bind, which gives the file the socket's permissions: nobody can connect in between.
      if let mode { try SystemError.check("fchmod", fchmod(descriptor, mode)) }
      try SystemError.check("bind", address.withPointer { bind(descriptor, $0, $1.pointee) })
      if sharing, !joins { try set(descriptor, SOL_SOCKET, SO_REUSEPORT, 1) }
      try SystemError.check("listen", listen(descriptor, 4096))
    } catch {
      Glibc.close(descriptor)
      throw error
    }
    return descriptor
  }

  private static func set(_ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Int32) throws(SystemError) {
    var value = value
    try SystemError.check("setsockopt", setsockopt(descriptor, level, name, &value, 4))
  }

  /// Removes the file of a local socket that nobody listens on; returns the process that does. What is no socket stays,
  /// and is in the way of bind; connect(2) refuses it like a socket that is stale.
  private static func removeStale(_ path: String) -> Int32? {
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return nil }
    let probe = clinux_socket(AF_UNIX)
    defer { Glibc.close(probe) }
    var address = SocketAddress(.unix(path: path))
    guard address.withPointer({ connect(probe, $0, $1.pointee) }) != 0 else { return clinux_peer_process(probe) }
    if errno == ECONNREFUSED { unlink(path) }
    return nil
  }

  /// Accepts no more connections. The file goes first: once nobody listens, it may be another host's.
  func close() {
    if let path { unlink(path) }
    for descriptor in descriptors { Glibc.close(descriptor) }
  }
}
