package import Foundation
import Glibc
import Synchronization

/// The socket of a service manager, sd_notify(3): it receives what a host says of itself.
package final class NotifySocket: Sendable {
  /// The value of NOTIFY_SOCKET.
  package let address: String
  private let descriptor: Int32

  /// A datagram that a host has sent.
  package struct Message: Sendable, Equatable {
    /// `NAME=VALUE`, in the order of the message.
    package let lines: [String]
    /// When it was read here.
    package let arrival: ContinuousClock.Instant

    /// The value of a line; nil if the message has no such line.
    package subscript(name: String) -> String? {
      lines.first { $0.hasPrefix("\(name)=") }.map { String($0.dropFirst(name.count + 1)) }
    }
  }

  /// A socket with a file in `folder`.
  package convenience init(in folder: URL) throws {
    try self.init(address: folder.appending(path: "notify").path(percentEncoded: false).replacing("//", with: "/"))
  }

  /// - Parameter address: the path of a file, or "@" and a name for a socket without a file, unix(7).
  package init(address: String) throws {
    self.address = address
    descriptor = descriptorInheritance.withLock { _ in
      let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
      return descriptor
    }
    var name = sockaddr_un()
    name.sun_family = sa_family_t(AF_UNIX)
    var bytes = Array(address.utf8)
    if address.hasPrefix("@") { bytes[0] = 0 }
    withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: bytes) }
    let length = MemoryLayout<sa_family_t>.size + bytes.count + (address.hasPrefix("@") ? 0 : 1)
    let result = withUnsafePointer(to: &name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, socklen_t(length)) }
    }
    guard result == 0 else { throw SystemCallError(call: "bind \(address)", code: errno) }
    // A message that never comes must not hang the tests.
    var limit = timeval(tv_sec: 60, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit { close(descriptor) }

  /// Waits for the next message.
  package func next() async throws -> Message { try await onOwnThread { try self.receive(flags: 0) } }

  /// Waits for the next message that has a line, and skips the others.
  package func next(with line: String) async throws -> Message {
    while true {
      let message = try await next()
      if message.lines.contains(line) { return message }
    }
  }

  /// The next message; nil if none has come yet.
  package func nextSoFar() -> Message? { try? receive(flags: Int32(MSG_DONTWAIT)) }

  private func receive(flags: Int32) throws -> Message {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = recv(descriptor, &buffer, buffer.count, flags)
    guard count >= 0 else { throw SystemCallError(call: "recv from \(address)", code: errno) }
    let text = String(decoding: buffer[..<count], as: UTF8.self)
    return Message(lines: text.split(separator: "\n").map(String.init), arrival: .now)
  }
}
