internal import AmbitCore
internal import AmbitRuntime
internal import CLinux
internal import Glibc

/// Why the host cannot listen at an address.
package struct ListenError: Error, CustomStringConvertible, Sendable {
  package let address: String
  package let reason: String

  package var description: String { "cannot listen on \(address): \(reason)" }
}

/// Sockets that accept connections at one address: one for each loop, or for a local socket one that all share.
struct ListeningSocket {
  let descriptors: [Int32]
  /// Where clients find it.
  let url: String
  /// The file of a local socket, to be removed at the end.
  let path: String?

  /// Binds and listens; nothing is accepted yet.
  ///
  /// The first socket is bound without SO_REUSEPORT, so that an address which another process uses is refused; the
  /// others join it, and the kernel spreads connections over them; see socket(7).
  init(_ address: ListenAddress, loops: Int) throws(SystemError) {
    var bound = SocketAddress(address)
    if case .unix(let path) = address {
      try Self.removeStale(path, &bound)
      descriptors = [try Self.open(&bound, sharing: false)]
      url = "unix:\(path)"
      self.path = path
      return
    }
    let first = try Self.open(&bound, sharing: true)
    bound.port = SocketAddress(localOf: first)?.port ?? bound.port
    var all = [first]
    for _ in 1..<max(loops, 1) { all.append(try Self.open(&bound, sharing: true, joins: true)) }
    descriptors = all
    url = "http://\(bound.text ?? "?")"
    path = nil
  }

  private static func open(_ address: inout SocketAddress, sharing: Bool, joins: Bool = false) throws(SystemError)
    -> Int32
  {
    let descriptor = try SystemError.check("socket", clinux_socket(address.family))
    do throws(SystemError) {
      if address.family != AF_UNIX { try set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1) }
      if address.family == AF_INET6 { try set(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 0) }
      if joins { try set(descriptor, SOL_SOCKET, SO_REUSEPORT, 1) }
      try SystemError.check("bind", address.withPointer { bind(descriptor, $0, $1.pointee) })
      if sharing, !joins { try set(descriptor, SOL_SOCKET, SO_REUSEPORT, 1) }
      try SystemError.check("listen", listen(descriptor, 4096))
    } catch {
      Glibc.close(descriptor)
      throw error
    }
    return descriptor
  }

  private static func set(_ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Int32) throws(SystemError) {
    var value = value
    try SystemError.check("setsockopt", setsockopt(descriptor, level, name, &value, 4))
  }

  /// Removes the file of a local socket that nobody listens on; one that is in use, or no socket, stays.
  private static func removeStale(_ path: String, _ address: inout SocketAddress) throws(SystemError) {
    let probe = try SystemError.check("socket", clinux_socket(AF_UNIX))
    defer { Glibc.close(probe) }
    let answer = address.withPointer { connect(probe, $0, $1.pointee) }
    if answer == 0 { throw SystemError(operation: "bind", code: EADDRINUSE) }
    if errno == ECONNREFUSED { unlink(path) }
  }

  /// Accepts no more connections.
  func close() {
    for descriptor in descriptors { Glibc.close(descriptor) }
    if let path { unlink(path) }
  }
}
