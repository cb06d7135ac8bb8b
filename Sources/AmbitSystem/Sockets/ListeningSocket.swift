package import AmbitCore
internal import CLinux
internal import Glibc
internal import Synchronization

/// A socket that listens at one address, and that all loops of a server accept connections from.
///
/// Its owner opens it, hands it to a server, and closes it when the server has stopped accepting. The server registers
/// its descriptors with loops and neither opens nor closes it. Its functions are for any thread.
///
/// Several processes can accept from one socket. The process that opened it passes it on, see `Handover`, and alone
/// removes the file of a unix socket. Nobody shuts a socket down, which would end it for all.
package final class ListeningSocket: Sendable {
  /// An address, and the rights to the file if it is that of a unix socket.
  package typealias Request = (address: ListenAddress, rights: SocketRights)

  /// The socket's number, the same in all processes of the host that have it. The process that opened it has no second
  /// one with this number.
  package let id: UInt64
  /// Accepts connections: accept(2). The socket's, valid until `close`.
  package let descriptor: Int32
  /// Wakes another loop to accept in place of the one that writes to it: eventfd(2). The socket's, valid until `close`.
  package let relay: Int32
  /// What clients connect to: `http://127.0.0.1:8080`, with the port that the system chose if the address names port 0,
  /// `http://*:8080` for every address of the machine, or `unix:/path`.
  package let url: String
  /// The address that it is bound to; nil for a socket that another process of the host has passed, and for a unix socket
  /// without a path.
  package let address: ListenAddress?
  /// A service manager has opened the socket and keeps it: see `SocketActivation`.
  package let isActivated: Bool
  /// What the socket lacks of its address, for the log; nil if nothing.
  package let note: String?
  /// The file of a unix socket, which `close` removes; nil for others.
  let file: OwnSocketFile?
  private let isClosed = Mutex(false)

  /// Binds and listens. Clients that connect wait until a server accepts.
  /// - Parameters:
  ///   - rights: to the file of a unix socket.
  ///   - replaced: sockets of this process that listen at some of the same addresses. They go on listening.
  package convenience init(
    _ address: ListenAddress, rights: SocketRights = SocketRights(), inPlaceOf replaced: [ListeningSocket] = []
  ) throws(ListenError) {
    let relay: Int32
    do throws(SystemError) { relay = try SystemError.check("eventfd", clinux_eventfd(0)) } catch {
      throw ListenError(address: address.description, reason: error.description)
    }
    let old = replaced.map(\.descriptor)
    do throws(ListenError) {
      switch address {
      case .unix(let path):
        let (descriptor, file) = try Self.local(path, rights)
        self.init(descriptor: descriptor, relay: relay, url: "unix:\(path)", address: address, file: file)
      case .internet:
        let (descriptor, port) = try ListenError.about(address, inPlaceOf: replaced) { () throws(SystemError) in
          try InternetSocket.open(address, inPlaceOf: old)
        }
        let bound = address.with(port: port)
        self.init(descriptor: descriptor, relay: relay, url: "http://\(bound)", address: bound)
      case .any:
        let (descriptor, port, reason) = try ListenError.about(address, inPlaceOf: replaced) {
          () throws(SystemError) in try InternetSocket.openEverywhere(address, inPlaceOf: old)
        }
        let note = reason.map { "IPv6 is missing (\($0)), so \(address) accepts IPv4 connections only" }
        let bound = note == nil ? address.with(port: port) : .everyIPv4(port: port)
        self.init(descriptor: descriptor, relay: relay, url: "http://\(bound)", note: note, address: bound)
      }
    } catch {
      clinux_close(relay)
      throw error
    }
  }

  /// A socket that listens already and that a service manager has passed to this process: see `SocketActivation`. It is
  /// this process's from now on, close-on-exec and non-blocking, and the manager keeps its own descriptor.
  convenience init(activated number: Int32) throws(SystemError) {
    let descriptor = try SystemError.check("descriptor", clinux_own(number))
    try SystemError.check("fcntl", fcntl(descriptor, F_SETFD, FD_CLOEXEC))
    try SystemError.check("fcntl", fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK))
    let bound = SocketAddress(localOf: descriptor)
    if let family = bound?.family, family != AF_UNIX { try InternetSocket.setConnectionOptions(descriptor) }
    let isIPv6Only = SocketCalls.option(IPV6_V6ONLY, Int32(IPPROTO_IPV6), of: descriptor) == 1
    let address = bound?.listenAddress(isIPv6Only: isIPv6Only)
    let url =
      switch address {
      case .unix(let path): "unix:\(path)"
      case .some(let address): "http://\(address)"
      case nil: "unix:\(bound?.abstractName ?? "")"
      }
    self.init(
      descriptor: descriptor, relay: try SystemError.check("eventfd", clinux_eventfd(0)), url: url, address: address,
      isActivated: true)
  }

  init(
    id: UInt64 = nextID.add(1, ordering: .relaxed).newValue, descriptor: Int32, relay: Int32, url: String,
    note: String? = nil, address: ListenAddress? = nil, isActivated: Bool = false, file: OwnSocketFile? = nil
  ) {
    (self.id, self.descriptor, self.relay, self.url) = (id, descriptor, relay, url)
    (self.note, self.address, self.isActivated, self.file) = (note, address, isActivated, file)
  }

  private static let nextID = Atomic<UInt64>(0)

  private static func local(
    _ path: String, _ rights: SocketRights
  ) throws(ListenError) -> (descriptor: Int32, OwnSocketFile) {
    let local = ListenAddress.unix(path: path)
    let file = SocketFile(at: path)
    return try SocketFolder.locked(for: path) { () throws(ListenError) in
      try file.makeRoom()
      let descriptor = try ListenError.about(local) { () throws(SystemError) in try bindLocal(path) }
      let made = OwnSocketFile(at: path)
      do throws(ListenError) {
        // Nobody can connect before listen(2), whatever the rights are until then.
        try file.set(rights)
        try ListenError.about(local) { () throws(SystemError) in try SocketCalls.startListening(descriptor) }
      } catch {
        Paths.remove(path)
        clinux_close(descriptor)
        throw error
      }
      return (descriptor, made)
    }
  }

  /// A socket whose file nobody may open: bind(2) gives the file the mode that the socket has.
  private static func bindLocal(_ path: String) throws(SystemError) -> Int32 {
    try SocketCalls.opening(AF_UNIX) { descriptor throws(SystemError) in
      try SystemError.check("fchmod", fchmod(descriptor, 0))
      try SocketCalls.bind(descriptor, to: SocketAddress(.unix(path: path)))
    }
  }

  /// Marks both descriptors as vital: if code of a plugin closes one of them, the process ends and says so. For the
  /// server, before it accepts.
  package func setVital() { for descriptor in [descriptor, relay] { clinux_set_use(descriptor, CLINUX_VITAL) } }

  /// Closes this process's descriptors. In the process that opened the socket it also removes the file of a unix
  /// socket. The socket stops listening when the last process has closed it. Closing twice has no effect.
  /// - Parameter isInUse: whether a loop may still use the numbers of the descriptors, to accept or to wake another
  ///   one. If so, both numbers stay taken, by a descriptor that accepts nothing, so that no other file gets them.
  package func close(isInUse: Bool = false) {
    isClosed.withLock { isClosed in
      guard !isClosed else { return }
      isClosed = true
      // Before the descriptor is closed: as soon as nobody listens, another host may take the path over.
      file?.remove()
      guard !isInUse || clinux_replace(descriptor, relay) < 0 else { return }
      clinux_close(descriptor)
      if !isInUse { clinux_close(relay) }
    }
  }

  /// Removes the file of a unix socket that this process has opened, so that no more clients come. `close` follows.
  package func removeFile() { file?.remove() }

  /// Wakes a loop of some process to accept if a client waits. Has no effect on a closed socket. Does not wait.
  package func wakeLoopIfClientsWait() {
    // Under the lock, since after `close` other files may have the numbers.
    isClosed.withLock { isClosed in
      guard !isClosed, clinux_await_bytes(descriptor, 0) else { return }
      var one: UInt64 = 1
      _ = unsafe write(relay, &one, 8)
    }
  }
}

extension ListeningSocket {
  /// Whether clients that connect to the path of a unix socket reach this socket. Somebody may have removed its file, or
  /// a link on the way to it may lead elsewhere by now. True for other sockets.
  package var isReachable: Bool { file?.isInPlace ?? true }

  /// Holds clients back that ask to connect to a TCP socket from now on: they ask again after a second. Those that have
  /// asked before get their connection. For a socket that is about to be closed, so that no client is refused that reaches
  /// another socket then. If the system refuses that, new clients may be refused for a moment.
  package func holdNewClients() { _ = clinux_hold_new_clients(descriptor) }

  /// Changes the rights to the file of a unix socket that this process has made. Has no effect on other sockets.
  package func setRights(_ rights: SocketRights) throws(ListenError) { try file?.set(rights) }
}

extension [ListeningSocket] {
  /// Closes each: see `ListeningSocket.close(isInUse:)`.
  package func close(isInUse: Bool = false) {
    for socket in self { socket.close(isInUse: isInUse) }
  }

  /// Waits until no client waits at any of these sockets, which are not closed, for at most 100 ms.
  package func awaitAcceptance() {
    let end = Clock.monotonic + 100_000_000
    while contains(where: { clinux_await_bytes($0.descriptor, 0) }), Clock.monotonic < end { usleep(500) }
  }
}

extension ListenAddress {
  /// Every IPv4 address of the machine.
  static func everyIPv4(port: UInt16) -> ListenAddress { .internet(address: [0, 0, 0, 0], port: port) }

  /// The same address with another port.
  fileprivate func with(port: UInt16) -> ListenAddress {
    switch self {
    case .any: .any(port: port)
    case .internet(let address, _): .internet(address: address, port: port)
    case .unix: self
    }
  }
}
