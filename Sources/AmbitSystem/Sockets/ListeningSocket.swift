package import AmbitCore
internal import CLinux
internal import Glibc
internal import Synchronization

/// An address that the host cannot listen on, and why.
package struct ListenError: Error, CustomStringConvertible, Sendable {
  package let address: String
  package let reason: String

  package init(address: String, reason: String) { (self.address, self.reason) = (address, reason) }

  package var description: String { "cannot listen on \(address): \(reason)" }

  /// Turns a failed system call of `body` into an error about `address`.
  static func about<Result>(
    _ address: ListenAddress, _ body: () throws(SystemError) -> Result
  ) throws(ListenError) -> Result {
    do throws(SystemError) {
      return try body()
    } catch {
      throw ListenError(address: address.description, reason: SystemError.text(error.code) + advice(error, address))
    }
  }

  /// What to do about it, for the end of the sentence.
  private static func advice(_ error: SystemError, _ address: ListenAddress) -> String {
    switch address {
    case .any(1..<1024), .internet(_, 1..<1024):
      error.code == EACCES ? "; ports below 1024 need root or the capability CAP_NET_BIND_SERVICE" : ""
    default: ""
    }
  }
}

/// A socket that listens at one address, and that all loops of a server accept connections from.
///
/// Its owner opens it, hands it to a server, and closes it when the server has stopped accepting. The server registers
/// its descriptors with loops and neither opens nor closes it. Its functions are for any thread.
package final class ListeningSocket: Sendable {
  /// An address, and the rights to the file if it is that of a unix socket.
  package typealias Request = (address: ListenAddress, rights: SocketRights)

  /// Accepts connections: accept(2). The socket's, valid until `close`.
  package let descriptor: Int32
  /// Wakes another loop to accept in place of the one that writes to it: eventfd(2). The socket's, valid until `close`.
  package let relay: Int32
  /// What clients connect to: `http://127.0.0.1:8080`, with the port that the system chose if the address names port 0,
  /// `http://*:8080` for every address of the machine, or `unix:/path`.
  package let url: String
  /// What the socket lacks of its address, for the log; nil if nothing.
  package let note: String?
  /// The file of a unix socket, which `close` removes; nil for others.
  private let file: OwnSocketFile?
  private let isClosed = Atomic<Bool>(false)

  /// Opens a socket for each request, or none if one of them cannot be had. Clients that connect wait until a server
  /// accepts.
  package static func open(_ requests: [Request]) throws(ListenError) -> [ListeningSocket] {
    var sockets: [ListeningSocket] = []
    for request in requests {
      do throws(ListenError) {
        sockets.append(try ListeningSocket(request.address, rights: request.rights))
      } catch {
        sockets.close()
        throw error
      }
    }
    return sockets
  }

  /// Binds and listens. Clients that connect wait until a server accepts.
  /// - Parameter rights: to the file of a unix socket.
  package convenience init(_ address: ListenAddress, rights: SocketRights = SocketRights()) throws(ListenError) {
    let relay = try ListenError.about(address) { () throws(SystemError) in
      try SystemError.check("eventfd", clinux_eventfd(0))
    }
    do throws(ListenError) {
      switch address {
      case .unix(let path):
        let descriptor = try Self.local(path, rights)
        self.init(descriptor: descriptor, relay: relay, url: "unix:\(path)", file: OwnSocketFile(at: path))
      case .internet:
        let (descriptor, port) = try ListenError.about(address) { () throws(SystemError) in try Self.internet(address) }
        self.init(descriptor: descriptor, relay: relay, url: Self.url(of: address, port))
      case .any:
        let (descriptor, port, reason) = try ListenError.about(address) { () throws(SystemError) in
          try Self.everywhere(address)
        }
        let note = reason.map { "IPv6 is missing (\($0)), so \(address) accepts IPv4 connections only" }
        let all = note == nil ? address : .everyIPv4(port: port)
        self.init(descriptor: descriptor, relay: relay, url: Self.url(of: all, port), note: note)
      }
    } catch {
      clinux_close(relay)
      throw error
    }
  }

  private init(descriptor: Int32, relay: Int32, url: String, note: String? = nil, file: OwnSocketFile? = nil) {
    (self.descriptor, self.relay, self.url, self.note, self.file) = (descriptor, relay, url, note, file)
  }

  private static func url(of address: ListenAddress, _ port: UInt16) -> String { "http://\(address.with(port: port))" }

  // MARK: Unix sockets

  private static func local(_ path: String, _ rights: SocketRights) throws(ListenError) -> Int32 {
    let local = ListenAddress.unix(path: path)
    let file = SocketFile(at: path)
    return try SocketFolder.locked(for: path) { () throws(ListenError) in
      try file.makeRoom()
      let descriptor = try ListenError.about(local) { () throws(SystemError) in try bindLocal(path) }
      do throws(ListenError) {
        // Nobody can connect before listen(2), whatever the rights are until then.
        try file.set(rights)
        try ListenError.about(local) { () throws(SystemError) in try startListening(descriptor) }
      } catch {
        Paths.remove(path)
        clinux_close(descriptor)
        throw error
      }
      return descriptor
    }
  }

  /// A socket whose file nobody may open: bind(2) gives the file the mode that the socket has.
  private static func bindLocal(_ path: String) throws(SystemError) -> Int32 {
    try opening(AF_UNIX) { descriptor throws(SystemError) in
      try SystemError.check("fchmod", fchmod(descriptor, 0))
      try bind(descriptor, to: SocketAddress(.unix(path: path)))
    }
  }

  // MARK: Internet sockets

  /// A socket for every address of the machine, IPv6 and IPv4, or IPv4 alone where the system lacks IPv6, with the
  /// reason.
  private static func everywhere(
    _ address: ListenAddress
  ) throws(SystemError) -> (descriptor: Int32, port: UInt16, lacksIPv6: String?) {
    do throws(SystemError) {
      let (descriptor, port) = try internet(address)
      return (descriptor, port, nil)
    } catch {
      guard case .any(let wanted) = address, [EAFNOSUPPORT, EADDRNOTAVAIL].contains(error.code) else { throw error }
      let (descriptor, port) = try internet(.everyIPv4(port: wanted))
      return (descriptor, port, SystemError.text(error.code))
    }
  }

  /// A socket, and the port that it has.
  private static func internet(_ address: ListenAddress) throws(SystemError) -> (Int32, port: UInt16) {
    let wanted = SocketAddress(address)
    let descriptor = try opening(wanted.family) { descriptor throws(SystemError) in
      try set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
      if wanted.family == AF_INET6 {
        // So that "0.0.0.0:8080" and "[::]:8080" can be two sockets.
        let isIPv6Only: Int32 = if case .any = address { 0 } else { 1 }
        try set(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, isIPv6Only)
      }
      try setConnectionOptions(descriptor)
      try bind(descriptor, to: wanted)
      try startListening(descriptor)
    }
    return (descriptor, SocketAddress(localOf: descriptor)?.port ?? wanted.port)
  }

  /// Sets the options of the connections that the socket will accept. On Linux connections inherit them, which saves
  /// calls for each: the kernel makes a connection's socket by copying the listening one (sk_clone_lock in
  /// net/core/sock.c), and starts the keep-alive timer of the copy (tcp_create_openreq_child in
  /// net/ipv4/tcp_minisocks.c).
  private static func setConnectionOptions(_ descriptor: Int32) throws(SystemError) {
    // Responses are written whole, so waiting for more to send would only delay them.
    try set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
    try set(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1)
    try set(descriptor, Int32(IPPROTO_TCP), TCP_KEEPIDLE, KeepAlive.idle)
    try set(descriptor, Int32(IPPROTO_TCP), TCP_KEEPINTVL, KeepAlive.interval)
    try set(descriptor, Int32(IPPROTO_TCP), TCP_KEEPCNT, KeepAlive.probes)
  }

  /// When a client counts as gone that has vanished without a word, with its machine or its network: after two minutes.
  /// Each probe also keeps the connection known to routers on the way. host.conf documents the figures.
  enum KeepAlive {
    /// Seconds without a byte before the first probe.
    static var idle: Int32 { 60 }
    /// Seconds between probes.
    static var interval: Int32 { 15 }
    /// Probes without an answer after which the kernel closes the connection.
    static var probes: Int32 { 4 }
  }

  // MARK: System calls

  /// Makes a socket, and closes it if `body` fails.
  private static func opening(
    _ family: Int32, _ body: (Int32) throws(SystemError) -> Void
  ) throws(SystemError) -> Int32 {
    let descriptor = try SystemError.check("socket", clinux_socket(family))
    do throws(SystemError) {
      try body(descriptor)
    } catch {
      clinux_close(descriptor)
      throw error
    }
    return descriptor
  }

  private static func bind(_ descriptor: Int32, to address: SocketAddress) throws(SystemError) {
    var address = address
    try unsafe SystemError.check("bind", address.withPointer { unsafe Glibc.bind(descriptor, $0, $1.pointee) })
  }

  private static func startListening(_ descriptor: Int32) throws(SystemError) {
    try SystemError.check("listen", listen(descriptor, backlog))
  }

  /// Most connections that wait to be accepted: more than the system allows, net.core.somaxconn in listen(2).
  private static var backlog: Int32 { 65_535 }

  private static func set(_ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Int32) throws(SystemError) {
    var value = value
    try unsafe SystemError.check("setsockopt", setsockopt(descriptor, level, name, &value, 4))
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
    file?.remove()
    guard !isInUse || clinux_replace(descriptor, relay) < 0 else { return }
    clinux_close(descriptor)
    if !isInUse { clinux_close(relay) }
  }
}

extension ListeningSocket {
  /// Whether clients that connect to the path of a unix socket reach this socket. Somebody may have removed its file, or
  /// a link on the way to it may lead elsewhere by now. True for other sockets.
  package var isReachable: Bool { file?.isInPlace ?? true }
}

extension [ListeningSocket] {
  /// Closes each: see `ListeningSocket.close(isInUse:)`.
  package func close(isInUse: Bool = false) {
    for socket in self { socket.close(isInUse: isInUse) }
  }
}

extension ListenAddress {
  /// Every IPv4 address of the machine.
  fileprivate static func everyIPv4(port: UInt16) -> ListenAddress { .internet(address: [0, 0, 0, 0], port: port) }

  /// The same address with another port.
  fileprivate func with(port: UInt16) -> ListenAddress {
    switch self {
    case .any: .any(port: port)
    case .internet(let address, _): .internet(address: address, port: port)
    case .unix: self
    }
  }
}
