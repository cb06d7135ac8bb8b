internal import AmbitCore
internal import CLinux
internal import Glibc

/// How sockets of the internet families are opened.
enum InternetSocket {
  /// A socket that listens at every address of the machine, IPv6 and IPv4, or IPv4 alone where the system lacks IPv6,
  /// with the reason.
  static func openEverywhere(
    _ address: ListenAddress, inPlaceOf replaced: [Int32] = []
  ) throws(SystemError) -> (descriptor: Int32, port: UInt16, lacksIPv6: String?) {
    do throws(SystemError) {
      let (descriptor, port) = try open(address, inPlaceOf: replaced)
      return (descriptor, port, nil)
    } catch {
      guard case .any(let wanted) = address, [EAFNOSUPPORT, EADDRNOTAVAIL].contains(error.code) else { throw error }
      let (descriptor, port) = try open(.everyIPv4(port: wanted), inPlaceOf: replaced)
      return (descriptor, port, SystemError.text(error.code))
    }
  }

  /// A socket that listens, and the port that it has.
  ///
  /// The sockets that it is to replace still listen, and so no client is refused. If they have some of the same
  /// addresses, the system allows that only while all of them have SO_REUSEPORT: socket(7). They have it for this moment
  /// alone, and at no time would the system share connections of one address out among them: their addresses differ.
  static func open(
    _ address: ListenAddress, inPlaceOf replaced: [Int32] = []
  ) throws(SystemError) -> (descriptor: Int32, port: UInt16) {
    let wanted = SocketAddress(address)
    func sharePort(_ isShared: Int32, _ descriptors: [Int32]) {
      for descriptor in descriptors { try? SocketCalls.set(descriptor, SOL_SOCKET, SO_REUSEPORT, isShared) }
    }
    if !replaced.isEmpty { sharePort(1, replaced) }
    defer { if !replaced.isEmpty { sharePort(0, replaced) } }
    let descriptor = try SocketCalls.opening(wanted.family) { descriptor throws(SystemError) in
      try SocketCalls.set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
      if wanted.family == AF_INET6 {
        // So that "0.0.0.0:8080" and "[::]:8080" can be two sockets.
        let isIPv6Only: Int32 = if case .any = address { 0 } else { 1 }
        try SocketCalls.set(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, isIPv6Only)
      }
      try setConnectionOptions(descriptor)
      if !replaced.isEmpty { sharePort(1, [descriptor]) }
      try SocketCalls.bind(descriptor, to: wanted)
      try SocketCalls.startListening(descriptor)
      if !replaced.isEmpty { sharePort(0, [descriptor]) }
    }
    return (descriptor, SocketAddress(localOf: descriptor)?.port ?? wanted.port)
  }

  /// Sets the options of the connections that the socket will accept. On Linux connections inherit them, which saves
  /// calls for each: the kernel makes a connection's socket by copying the listening one (sk_clone_lock in
  /// net/core/sock.c), and starts the keep-alive timer of the copy (tcp_create_openreq_child in
  /// net/ipv4/tcp_minisocks.c).
  static func setConnectionOptions(_ descriptor: Int32) throws(SystemError) {
    // Responses are written whole, so waiting for more to send would only delay them.
    try SocketCalls.set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
    try SocketCalls.set(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1)
    try SocketCalls.set(descriptor, Int32(IPPROTO_TCP), TCP_KEEPIDLE, KeepAlive.idle)
    try SocketCalls.set(descriptor, Int32(IPPROTO_TCP), TCP_KEEPINTVL, KeepAlive.interval)
    try SocketCalls.set(descriptor, Int32(IPPROTO_TCP), TCP_KEEPCNT, KeepAlive.probes)
  }

  /// When a client counts as gone that has vanished without a word, with its machine or its network: after two minutes.
  /// Each probe also keeps the connection known to routers on the way. host.conf documents the figures.
  private enum KeepAlive {
    /// Seconds without a byte before the first probe.
    static var idle: Int32 { 60 }
    /// Seconds between probes.
    static var interval: Int32 { 15 }
    /// Probes without an answer after which the kernel closes the connection.
    static var probes: Int32 { 4 }
  }
}

/// The system calls that make a socket listen.
enum SocketCalls {
  /// Most connections that wait to be accepted: more than the system allows, net.core.somaxconn in listen(2).
  private static var backlog: Int32 { 65_535 }

  /// Makes a socket, and closes it if `body` fails.
  static func opening(
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

  static func bind(_ descriptor: Int32, to address: SocketAddress) throws(SystemError) {
    var address = address
    try unsafe SystemError.check("bind", address.withPointer { unsafe Glibc.bind(descriptor, $0, $1.pointee) })
  }

  static func startListening(_ descriptor: Int32) throws(SystemError) {
    try SystemError.check("listen", listen(descriptor, backlog))
  }

  static func set(_ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Int32) throws(SystemError) {
    var value = value
    try unsafe SystemError.check("setsockopt", setsockopt(descriptor, level, name, &value, 4))
  }

  /// An option of the level SOL_SOCKET or another one; nil if the descriptor has none, as when it is no socket.
  static func option(_ name: Int32, _ level: Int32 = SOL_SOCKET, of descriptor: Int32) -> Int32? {
    var value: Int32 = 0
    var size = socklen_t(4)
    return unsafe getsockopt(descriptor, level, name, &value, &size) == 0 ? value : nil
  }
}
