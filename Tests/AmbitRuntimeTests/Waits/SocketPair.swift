import AmbitSystem
import CLinux
import Glibc

@testable import AmbitRuntime

/// Two connected sockets, non-blocking: what one writes the other reads. Closed with the object.
final class SocketPair: @unchecked Sendable {
  private(set) var near: Int32
  private(set) var far: Int32

  init() {
    var ends: [Int32] = [-1, -1]
    let flags = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    precondition(socketpair(AF_UNIX, flags, 0, &ends) == 0, "socketpair: \(SystemError.text(errno))")
    near = ends[0]
    far = ends[1]
  }

  deinit {
    closeNear()
    closeFar()
  }

  /// Makes `near` readable.
  func writeFar() {
    precondition(write(far, "x", 1) == 1, "write: \(SystemError.text(errno))")
  }

  /// Makes `near` not writable.
  func fillNear() {
    let bytes = [UInt8](repeating: 0, count: 4096)
    while write(near, bytes, bytes.count) > 0 {}
  }

  /// Makes `near` writable again.
  func drainFar() {
    var bytes = [UInt8](repeating: 0, count: 65_536)
    while read(far, &bytes, bytes.count) > 0 {}
  }

  /// Says that no more will be written to `near`, which may still write.
  func finishFar() { shutdown(far, Int32(SHUT_WR)) }

  func closeNear() { close(&near) }

  func closeFar() { close(&far) }

  private func close(_ end: inout Int32) {
    if end >= 0 { Glibc.close(end) }
    end = -1
  }
}

extension LoopPointer {
  /// How many descriptors are registered with the loop's epoll instance: proc_pid_fdinfo(5).
  var registrations: Int {
    let file = Glibc.open("/proc/self/fdinfo/\(pointee.epoll)", O_RDONLY | O_CLOEXEC)
    defer { Glibc.close(file) }
    var bytes = [UInt8](repeating: 0, count: 65_536)
    let count = Glibc.read(file, &bytes, bytes.count)
    return String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n").count { $0.hasPrefix("tfd:") }
  }
}
