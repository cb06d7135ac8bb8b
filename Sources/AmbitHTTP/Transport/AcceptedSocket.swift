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
    peer.unmap()
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

/// The address of a client, as the system reported it when the connection was accepted. The address of a client that
/// came over IPv4 is an IPv4 address, also if the listening socket is one of IPv6.
struct PeerAddress {
  /// Large enough for both internet families; of a local socket only the family counts.
  fileprivate var storage = sockaddr_in6()

  /// No address: that of a local socket.
  init() { storage.sin6_family = sa_family_t(AF_UNIX) }

  /// Where the fields are: the port at the same place in both internet families.
  private enum Offset {
    static let ipv4 = MemoryLayout<sockaddr_in>.offset(of: \.sin_addr)!
    static let ipv6 = MemoryLayout<sockaddr_in6>.offset(of: \.sin6_addr)!
  }

  /// Makes an IPv4 address that is mapped into IPv6, `::ffff:192.0.2.1`, that IPv4 address (RFC 4291, section 2.5.5.2).
  fileprivate mutating func unmap() {
    guard storage.sin6_family == AF_INET6 else { return }
    withUnsafeMutableBytes(of: &storage) { bytes in
      let start = Offset.ipv6
      // Ten bytes of zeros and two of ones.
      guard bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self) == 0,
        bytes.loadUnaligned(fromByteOffset: start + 8, as: UInt32.self).bigEndian == 0x0000_ffff
      else { return }
      let address = bytes.loadUnaligned(fromByteOffset: start + 12, as: UInt32.self)
      bytes.storeBytes(of: sa_family_t(AF_INET), as: sa_family_t.self)
      bytes.storeBytes(of: address, toByteOffset: Offset.ipv4, as: UInt32.self)
    }
  }

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
    let port = UInt16(bigEndian: storage.sin6_port)
    return storage.sin6_family == AF_INET6 ? "[\(name)]:\(port)" : "\(name):\(port)"
  }
}
