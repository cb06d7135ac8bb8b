internal import Glibc

/// The address of a client, as the system told it when the connection was accepted.
struct PeerAddress {
  /// Large enough for both internet families; of a local socket only the family counts.
  fileprivate var storage = sockaddr_in6()

  /// No address: that of a local socket.
  init() { storage.sin6_family = sa_family_t(AF_UNIX) }

  /// The peer of a connected socket; no address if the system does not tell.
  init(of descriptor: Int32) {
    var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
    let result = withUnsafeMutablePointer(to: &storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(descriptor, $0, &length) }
    }
    if result != 0 { storage.sin6_family = sa_family_t(AF_UNIX) }
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
    // The port stands at the same place in both families.
    let port = UInt16(bigEndian: storage.sin6_port)
    return storage.sin6_family == AF_INET6 ? "[\(name)]:\(port)" : "\(name):\(port)"
  }
}
