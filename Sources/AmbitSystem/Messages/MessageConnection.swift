internal import CLinux
internal import Glibc
internal import Synchronization

/// A connection to another process of the host that carries messages in both directions, seen from a process whose threads
/// may block. `MessageStream` is for a process that must not wait for its peer.
package final class MessageConnection: Sendable {
  private let descriptor: Int32
  private let sending = Mutex<Void>(())

  /// - Parameter descriptor: a stream socket that this process has inherited. The connection owns it from now on, and
  ///   programs that this process starts do not inherit it.
  package init(inherited descriptor: Int32) {
    self.descriptor = clinux_own(descriptor)
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
  }

  deinit { clinux_close(descriptor) }

  /// Sends a whole message; drops it if the peer is gone. From any thread; blocks until the connection has room.
  package func send(_ message: [UInt8]) {
    let bytes = MessageStream.framed(message)
    sending.withLock { _ in
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = unsafe rest.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress!, $0.count) }
        guard count > 0 || errno == EINTR else { return }
        rest = rest.dropFirst(max(count, 0))
      }
    }
  }

  /// Waits for the next message; nil if the peer has closed the connection. For one thread.
  package func receive() -> [UInt8]? {
    guard let head = read(8) else { return nil }
    var reader = WireReader(head[...])
    guard let length = try? reader.number() else { return nil }
    return read(Int(clamping: length))
  }

  private func read(_ count: Int) -> [UInt8]? {
    var bytes: [UInt8] = []
    while bytes.count < count {
      var piece = [UInt8](repeating: 0, count: min(count - bytes.count, 1 << 20))
      let received = unsafe Glibc.read(descriptor, &piece, piece.count)
      guard received > 0 || errno == EINTR else { return nil }
      bytes += piece[..<max(received, 0)]
    }
    return bytes
  }
}
