package import AmbitCore
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

/// A socket that accepts connections at one address, for all loops.
package struct ListeningSocket {
  package let descriptor: Int32
  /// What a loop writes to that leaves connections to others: eventfd(2).
  package let relay: Int32
  /// Where clients find it.
  package let url: String
  /// The file of a local socket, to be removed at the end.
  package let path: String?

  /// Binds and listens; nothing is accepted yet.
  /// - Parameter mode: the permissions of a local socket's file; nil: what the process's mask leaves of them.
  package init(_ address: ListenAddress, mode: UInt32? = nil) throws(ListenError) {
    let relay = try ListenError.about(address) { () throws(SystemError) in
      try SystemError.check("eventfd", clinux_eventfd(0))
    }
    do throws(ListenError) {
      if case .unix(let path) = address {
        self.init(descriptor: try Self.local(path, mode: mode), relay: relay, url: "unix:\(path)", path: path)
      } else {
        let (descriptor, url) = try ListenError.about(address) { () throws(SystemError) in
          try Self.internet(address)
        }
        self.init(descriptor: descriptor, relay: relay, url: url, path: nil)
      }
    } catch {
      clinux_close(relay)
      throw error
    }
  }

  private init(descriptor: Int32, relay: Int32, url: String, path: String?) {
    (self.descriptor, self.relay, self.url, self.path) = (descriptor, relay, url, path)
  }

  private static func local(_ path: String, mode: UInt32?) throws(ListenError) -> Int32 {
    let local = ListenAddress.unix(path: path)
    return try SocketFolder.locked(for: path) { () throws(ListenError) in
      if let process = removeStale(path) {
        throw ListenError(address: local.description, reason: "process \(process) listens there")
      }
      var address = SocketAddress(local)
      return try ListenError.about(local) { () throws(SystemError) in
        try open(&address, mode: mode)
      }
    }
  }

  private static func internet(_ address: ListenAddress) throws(SystemError) -> (Int32, url: String) {
    var bound = SocketAddress(address)
    let descriptor = try open(&bound)
    bound.port = SocketAddress(localOf: descriptor)?.port ?? bound.port
    return (descriptor, "http://\(bound.text ?? "?")")
  }

  private static func open(_ address: inout SocketAddress, mode: UInt32? = nil) throws(SystemError) -> Int32 {
    let descriptor = try SystemError.check("socket", clinux_socket(address.family))
    do throws(SystemError) {
      if address.family != AF_UNIX { try set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1) }
      if address.family == AF_INET6 { try set(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 0) }
      // Responses are written whole: waiting for more to send would only delay them. Linux passes the option on to the
      // connections that are accepted, which saves a call for each; accept(2) leaves that to the system.
      if address.family != AF_UNIX { try set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1) }
      // Before bind, which gives the file the socket's permissions: nobody can connect in between.
      if let mode { try SystemError.check("fchmod", fchmod(descriptor, mode)) }
      try SystemError.check("bind", address.withPointer { bind(descriptor, $0, $1.pointee) })
      try SystemError.check("listen", listen(descriptor, backlog))
    } catch {
      clinux_close(descriptor)
      throw error
    }
    return descriptor
  }

  /// How many connections may wait to be accepted: as many as the system allows, net.core.somaxconn in listen(2).
  private static var backlog: Int32 { 65_535 }

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
    defer { clinux_close(probe) }
    var address = SocketAddress(.unix(path: path))
    guard address.withPointer({ connect(probe, $0, $1.pointee) }) != 0 else { return clinux_peer_process(probe) }
    if errno == ECONNREFUSED { unlink(path) }
    return nil
  }

  /// Notes that the host cannot do without the descriptors, once it accepts by them.
  package func setVital() { for descriptor in [descriptor, relay] { clinux_set_use(descriptor, CLINUX_VITAL) } }

  /// Accepts no more connections. The file goes first: once nobody listens, it may be another host's.
  /// - Parameter isInUse: a loop may still accept, or wake another one, by the numbers of the descriptors. Then these stay
  ///   taken by what accepts nothing, so that no other socket gets them.
  package func close(isInUse: Bool = false) {
    if let path { unlink(path) }
    guard !isInUse || clinux_replace(descriptor, relay) < 0 else { return }
    clinux_close(descriptor)
    if !isInUse { clinux_close(relay) }
  }
}

/// The folder that the file of a local socket lies in.
enum SocketFolder {
  /// Runs `body` for the socket at `path` while nobody else runs such a thing for the same folder, in this process or
  /// another: flock(2). Waits for its turn.
  ///
  /// From a look at a socket's file, whether somebody listens there, to listening there oneself it takes several system
  /// calls: under the lock the second of two hosts that start at once sees the first.
  static func locked<Result>(
    for path: String, _ body: () throws(ListenError) -> Result
  ) throws(ListenError) -> Result {
    let descriptor = try ListenError.about(.unix(path: path)) { () throws(SystemError) in try lock(folder(of: path)) }
    defer { clinux_close(descriptor) }
    return try body()
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return String(path[...slash])
  }

  /// The descriptor that holds the lock.
  private static func lock(_ folder: String) throws(SystemError) -> Int32 {
    let descriptor = try SystemError.check("open", clinux_own(open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)))
    while flock(descriptor, LOCK_EX) != 0 {
      guard errno == EINTR else {
        clinux_close(descriptor)
        throw SystemError(operation: "flock")
      }
    }
    return descriptor
  }
}
