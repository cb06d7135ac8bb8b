package import AmbitCore
internal import CLinux
internal import Glibc
internal import Synchronization

/// An address that the host cannot listen on, and why.
package struct ListenError: Error, CustomStringConvertible, Sendable {
  package let address: String
  package let reason: String

  package var description: String { "cannot listen on \(address): \(reason)" }

  /// Turns a failed system call of `body` into an error about `address`.
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

/// A socket that listens at one address, and that all loops of a server accept connections from.
///
/// Its owner opens it, hands it to a server, and closes it when the server has stopped accepting. The server registers
/// its descriptors with loops and neither opens nor closes it. Its functions are for any thread.
package final class ListeningSocket: Sendable {
  /// Accepts connections: accept(2). The socket's, valid until `close`.
  package let descriptor: Int32
  /// Wakes another loop to accept in place of the one that writes to it: eventfd(2). The socket's, valid until `close`.
  package let relay: Int32
  /// What clients connect to: `http://127.0.0.1:8080`, with the port that the system chose if the address names port 0,
  /// or `unix:/path`.
  package let url: String
  /// The file of a unix socket, which `close` removes; nil for others.
  private let path: String?
  private let isClosed = Atomic<Bool>(false)

  /// Opens a socket at each of the addresses, or none if one of them cannot be had. Clients that connect wait until a
  /// server accepts.
  /// - Parameter mode: permissions of the files of unix sockets, chmod(2); nil: the process's umask decides.
  package static func open(
    at addresses: [ListenAddress], mode: UInt32? = nil
  ) throws(ListenError) -> [ListeningSocket] {
    var sockets: [ListeningSocket] = []
    for address in addresses {
      do throws(ListenError) {
        sockets.append(try ListeningSocket(address, mode: mode))
      } catch {
        for socket in sockets { socket.close() }
        throw error
      }
    }
    return sockets
  }

  /// Binds and listens. Clients that connect wait until a server accepts.
  /// - Parameter mode: permissions of the file of a unix socket, chmod(2); nil: the process's umask decides.
  package convenience init(_ address: ListenAddress, mode: UInt32? = nil) throws(ListenError) {
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
      // Responses are written whole, so waiting for more to send would only delay them. On Linux accepted connections
      // inherit the option, which saves a call for each; see accept(2).
      if address.family != AF_UNIX { try set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1) }
      // Before bind, which gives the file the socket's permissions, so that there is no moment with wider ones.
      if let mode { try SystemError.check("fchmod", fchmod(descriptor, mode)) }
      try unsafe SystemError.check("bind", address.withPointer { unsafe bind(descriptor, $0, $1.pointee) })
      try SystemError.check("listen", listen(descriptor, backlog))
    } catch {
      clinux_close(descriptor)
      throw error
    }
    return descriptor
  }

  /// Most connections that wait to be accepted: more than the system allows, net.core.somaxconn in listen(2).
  private static var backlog: Int32 { 65_535 }

  private static func set(_ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Int32) throws(SystemError) {
    var value = value
    try unsafe SystemError.check("setsockopt", setsockopt(descriptor, level, name, &value, 4))
  }

  /// Removes the file of a unix socket if no process listens on it. A file of another kind stays, so that bind fails:
  /// connect(2) would refuse it like a stale socket.
  /// - Returns: the process that listens, if one does.
  private static func removeStale(_ path: String) -> Int32? {
    var status = stat()
    guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return nil }
    let probe = clinux_socket(AF_UNIX)
    defer { clinux_close(probe) }
    var address = SocketAddress(.unix(path: path))
    guard unsafe address.withPointer({ unsafe connect(probe, $0, $1.pointee) }) != 0 else {
      return clinux_peer_process(probe)
    }
    if errno == ECONNREFUSED { unsafe unlink(path) }
    return nil
  }

  /// Marks both descriptors as vital: if code of a plugin closes one of them, the host ends and says so. For the
  /// server, before it accepts.
  package func setVital() { for descriptor in [descriptor, relay] { clinux_set_use(descriptor, CLINUX_VITAL) } }

  /// Stops listening, and removes the file of a unix socket. Closing twice has no effect.
  /// - Parameter isInUse: whether a loop may still use the numbers of the descriptors, to accept or to wake another
  ///   one. If so, both numbers stay taken, by a descriptor that accepts nothing, so that no other file gets them.
  package func close(isInUse: Bool = false) {
    guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
    // Before the descriptor is closed: as soon as nobody listens, another host may take the path over.
    if let path { unsafe unlink(path) }
    guard !isInUse || clinux_replace(descriptor, relay) < 0 else { return }
    clinux_close(descriptor)
    if !isInUse { clinux_close(relay) }
  }
}

extension [ListeningSocket] {
  /// Closes each: see `ListeningSocket.close(isInUse:)`.
  package func close(isInUse: Bool = false) {
    for socket in self { socket.close(isInUse: isInUse) }
  }
}

/// The folder of a unix socket's file.
enum SocketFolder {
  /// Runs `body` under a lock on the folder of `path`, which other threads and processes take for the same: flock(2).
  /// Blocks until the lock is free.
  ///
  /// To find out whether a process listens on a path, and then to listen on it, takes several system calls. Under the
  /// lock the second of two hosts that start at the same time sees the first.
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

  /// Takes the lock. The returned descriptor holds it until it is closed.
  private static func lock(_ folder: String) throws(SystemError) -> Int32 {
    let descriptor = try unsafe SystemError.check("open", clinux_own(open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)))
    while flock(descriptor, LOCK_EX) != 0 {
      guard errno == EINTR else {
        clinux_close(descriptor)
        throw SystemError(operation: "flock")
      }
    }
    return descriptor
  }
}
