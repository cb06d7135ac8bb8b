internal import CLinux
internal import Glibc

/// A connection that was accepted and that nothing serves yet.
struct AcceptedSocket {
  /// Non-blocking. The owner closes it.
  let descriptor: Int32
  let peer: PeerAddress

  private init(descriptor: Int32, peer: PeerAddress) {
    (self.descriptor, self.peer) = (descriptor, peer)
  }

  /// Accepts the connection that has waited longest at a listening socket; nil, with errno, if that fails.
  init?(from listener: Int32) {
    var peer = PeerAddress()
    var length = UInt32(MemoryLayout<sockaddr_in6>.size)
    descriptor = clinux_accept(listener, &peer.storage, &length)
    guard descriptor >= 0 else { return nil }
    self.peer = peer
  }

  /// The same connection with another descriptor, the smallest free one; nil, with errno, if there is none. The old
  /// descriptor stays open.
  func duplicated() -> AcceptedSocket? {
    let duplicate = clinux_duplicate(descriptor)
    return duplicate >= 0 ? AcceptedSocket(descriptor: duplicate, peer: peer) : nil
  }

  func close() { clinux_close(descriptor) }
}

/// The address of a client, as the system reported it when the connection was accepted.
struct PeerAddress {
  /// Large enough for both internet families; of a local socket only the family counts.
  fileprivate var storage = sockaddr_in6()

  /// No address: that of a local socket.
  init() { storage.sin6_family = sa_family_t(AF_UNIX) }

  /// `127.0.0.1:8080`, `[::1]:8080`, or `unix`.
  var text: String {
    guard storage.sin6_family != AF_UNIX else { return "unix" }
    var host = [CChar](repeating: 0, count: 64)
    let result = withUnsafePointer(to: storage) { storage in
      storage.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        getnameinfo($0, socklen_t(MemoryLayout<sockaddr_in6>.size), &host, 64, nil, 0, NI_NUMERICHOST)
      }
    }
    guard result == 0 else { return "unknown" }
    let name = host.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    // The port stands at the same place in both families.
    let port = UInt16(bigEndian: storage.sin6_port)
    return storage.sin6_family == AF_INET6 ? "[\(name)]:\(port)" : "\(name):\(port)"
  }
}
