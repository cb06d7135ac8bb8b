package import AmbitCore
internal import CLinux
internal import Glibc
internal import Logging
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
  /// What the socket lacks of its address, for the log; nil if nothing.
  package let note: String?
  /// The file of a unix socket, which `close` removes; nil for others.
  private let file: OwnSocketFile?
  private let isClosed = Mutex(false)

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
        let (descriptor, port) = try ListenError.about(address) { () throws(SystemError) in try InternetSocket.open(address) }
        self.init(descriptor: descriptor, relay: relay, url: Self.url(of: address, port))
      case .any:
        let (descriptor, port, reason) = try ListenError.about(address) { () throws(SystemError) in
          try InternetSocket.openEverywhere(address)
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

  private init(
    id: UInt64 = nextID.add(1, ordering: .relaxed).newValue, descriptor: Int32, relay: Int32, url: String,
    note: String? = nil, file: OwnSocketFile? = nil
  ) {
    (self.id, self.descriptor, self.relay, self.url) = (id, descriptor, relay, url)
    (self.note, self.file) = (note, file)
  }

  private static let nextID = Atomic<UInt64>(0)

  private static func url(of address: ListenAddress, _ port: UInt16) -> String { "http://\(address.with(port: port))" }

  private static func local(_ path: String, _ rights: SocketRights) throws(ListenError) -> Int32 {
    let local = ListenAddress.unix(path: path)
    let file = SocketFile(at: path)
    return try SocketFolder.locked(for: path) { () throws(ListenError) in
      try file.makeRoom()
      let descriptor = try ListenError.about(local) { () throws(SystemError) in try bindLocal(path) }
      do throws(ListenError) {
        // Nobody can connect before listen(2), whatever the rights are until then.
        try file.set(rights)
        try ListenError.about(local) { () throws(SystemError) in try SocketCalls.startListening(descriptor) }
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
  /// What another process of the host is told about a socket that it is to accept from. `passedDescriptors` go with it.
  package struct Handover: Sendable, Codable, Equatable {
    /// `ListeningSocket.id`.
    package let id: UInt64
    /// `ListeningSocket.url`.
    package let url: String
    /// `ListeningSocket.note`.
    package let note: String?
  }

  /// What to tell a process that is to accept from the socket, too.
  package var handover: Handover { Handover(id: id, url: url, note: note) }

  /// The descriptors to pass with `handover`, in this order. They stay the socket's, valid until `close`.
  package var passedDescriptors: [Int32] { [descriptor, relay] }

  /// The sockets that the supervisor has passed to this process. `close` closes this process's descriptors and nothing
  /// else: the socket goes on listening, and a unix socket's file stays.
  /// - Parameter descriptors: `passedDescriptors` of each socket, as `MessageConnection.receive` returns them. The
  ///   sockets own them from now on.
  /// - Returns: the sockets whose descriptors have come. The log names the others: this process has no room for them.
  package static func received(_ handovers: [Handover], _ descriptors: [Int32]) -> [ListeningSocket] {
    var rest = descriptors[...]
    let sockets = handovers.compactMap { handover -> ListeningSocket? in
      let own = Array(rest.prefix(2))
      rest = rest.dropFirst(2)
      if own.count == 2, own.allSatisfy({ $0 >= 0 }) {
        return ListeningSocket(handover, clinux_own(own[0]), clinux_own(own[1]))
      }
      for descriptor in own where descriptor >= 0 { clinux_close(descriptor) }
      Logger(label: "ambit").error(
        """
        cannot accept connections of \(handover.url) in this process: it has no file descriptors left; raise the limit \
        with ulimit -n
        """)
      return nil
    }
    for descriptor in rest where descriptor >= 0 { clinux_close(descriptor) }
    return sockets
  }

  private convenience init(_ handover: Handover, _ descriptor: Int32, _ relay: Int32) {
    self.init(id: handover.id, descriptor: descriptor, relay: relay, url: handover.url, note: handover.note)
  }

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
