package import AmbitCore
internal import Glibc

/// An address in the form of the socket calls, sockaddr_storage in socket(7).
package struct SocketAddress {
  private var storage = sockaddr_storage()
  private var length = socklen_t(MemoryLayout<sockaddr_storage>.size)

  /// The address to bind a listener to. `any`, all addresses of the machine, is IPv6's "any", which takes IPv4 as well.
  package init(_ address: ListenAddress) {
    switch address {
    case .any(let port): self.init(ipv6: [UInt8](repeating: 0, count: 16), port: port)
    case .internet(let bytes, let port) where bytes.count == 4: self.init(ipv4: bytes, port: port)
    case .internet(let bytes, let port): self.init(ipv6: bytes, port: port)
    case .unix(let path): self.init(path: path)
    }
  }

  /// The address that a socket is bound to: getsockname(2); nil if it is not bound.
  package init?(localOf descriptor: Int32) {
    guard unsafe withPointer({ unsafe getsockname(descriptor, $0, $1) }) == 0 else { return nil }
  }

  package var family: Int32 { Int32(storage.ss_family) }

  /// The port in host byte order; 0 for a unix socket.
  package var port: UInt16 {
    guard family != AF_UNIX else { return 0 }
    var copy = self
    // The port has the same offset in both internet families.
    return unsafe copy.withPointer { address, _ in
      unsafe UnsafeMutableRawPointer(address).withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
        unsafe UInt16(bigEndian: $0.pointee.sin_port)
      }
    }
  }

  /// The address as `host.conf` writes it; nil for a unix socket without a path, and for other families.
  /// - Parameter isIPv6Only: whether the socket takes no IPv4 connections: IPV6_V6ONLY, ipv6(7).
  func listenAddress(isIPv6Only: Bool) -> ListenAddress? {
    let bytes = unsafe withUnsafeBytes(of: storage) { unsafe Array($0.prefix(Int(length))) }
    switch family {
    case AF_UNIX:
      let path = bytes.dropFirst(2).prefix { $0 != 0 }
      return path.isEmpty ? nil : .unix(path: String(fileName: path))
    case AF_INET: return ListenAddress(bytes: Array(bytes[4..<8]), port: port)
    case AF_INET6:
      let address = Array(bytes[8..<24])
      return !isIPv6Only && address.allSatisfy { $0 == 0 }
        ? .any(port: port) : ListenAddress(bytes: address, port: port)
    default: return nil
    }
  }

  /// The name of a unix socket in the abstract namespace, unix(7), as tools write it: `@name`. Empty for others.
  var abstractName: String {
    guard family == AF_UNIX, length > 3 else { return "" }
    let bytes = unsafe withUnsafeBytes(of: storage) { unsafe Array($0[2..<Int(length)]) }
    return bytes[0] == 0 ? "@" + String(decoding: bytes.dropFirst(), as: UTF8.self) : ""
  }

  /// Calls `body` with pointers for a socket call, which may change the address.
  mutating func withPointer<Result>(
    _ body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Result
  ) -> Result {
    unsafe withUnsafeMutablePointer(to: &storage) { storage in
      unsafe body(UnsafeMutableRawPointer(storage).assumingMemoryBound(to: sockaddr.self), &length)
    }
  }

  /// The address of a unix socket that has a name and no file: "Abstract" in unix(7).
  /// - Parameter name: without the null byte in front of it, at most `longestAbstractName` bytes.
  package init(abstract name: String) {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = name.utf8.prefix(Self.longestAbstractName)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0[1...].copyBytes(from: bytes) }
    store(address)
    // Every byte of the length belongs to the name, also null bytes.
    length = socklen_t(MemoryLayout<sa_family_t>.size + 1 + bytes.count)
  }

  package static var longestAbstractName: Int { ListenAddress.longestPath }

  private init(ipv4 bytes: [UInt8], port: UInt16) {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    unsafe withUnsafeMutableBytes(of: &address.sin_addr) { unsafe $0.copyBytes(from: bytes) }
    store(address)
  }

  private init(ipv6 bytes: [UInt8], port: UInt16) {
    var address = sockaddr_in6()
    address.sin6_family = sa_family_t(AF_INET6)
    address.sin6_port = port.bigEndian
    unsafe withUnsafeMutableBytes(of: &address.sin6_addr) { unsafe $0.copyBytes(from: bytes) }
    store(address)
  }

  private init(path: String) {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = path.fileNameBytes
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes.prefix($0.count - 1)) }
    store(address)
  }

  private mutating func store<Address>(_ address: Address) {
    unsafe withUnsafeMutableBytes(of: &storage) { storage in
      unsafe withUnsafeBytes(of: address) { unsafe storage.copyMemory(from: $0) }
    }
    length = socklen_t(MemoryLayout<Address>.size)
  }
}
