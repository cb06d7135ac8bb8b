package import AmbitCore
internal import CLinux
internal import Glibc

/// Whether the system would let this process listen on an address, as far as it tells without listening.
package enum ListenCheck {
  /// Why the process cannot listen there; nil if no reason is known. Does not say whether another process listens there.
  package static func objection(to address: ListenAddress) -> String? {
    switch address {
    case .any(let port): objection(toPort: port)
    case .internet(let bytes, let port): objection(toPort: port) ?? objection(toAddress: bytes)
    case .unix(let path): objection(toPath: path)
    }
  }

  private static func objection(toPath path: String) -> String? {
    if let obstacle = SocketFile(at: path).obstacle { return obstacle }
    do throws(FileError) { try Paths.checkWritable(Paths.folder(of: path)) } catch { return error.description }
    return nil
  }

  /// Binds a socket to the address with a port that the system chooses, and closes it: no other process can notice that.
  private static func objection(toAddress bytes: [UInt8]) -> String? {
    let address = SocketAddress(.internet(address: bytes, port: 0))
    let descriptor = clinux_socket(address.family)
    guard descriptor >= 0 else { return SystemError.text(errno) }
    defer { clinux_close(descriptor) }
    var copy = address
    guard unsafe copy.withPointer({ unsafe bind(descriptor, $0, $1.pointee) }) != 0 else { return nil }
    return SystemError.text(errno)
  }

  /// Ports from 1 up to a limit need a capability: ip(7).
  private static func objection(toPort port: UInt16) -> String? {
    let text = (try? TextFile.read("/proc/sys/net/ipv4/ip_unprivileged_port_start")) ?? ""
    let limit = text.split(whereSeparator: \.isWhitespace).first.flatMap { Int($0) } ?? 1024
    guard port != 0, port < limit, Capability.bindService.isHeld == false else { return nil }
    return "Permission denied: ports below \(limit) need root or the capability \(Capability.bindService.name)"
  }
}
