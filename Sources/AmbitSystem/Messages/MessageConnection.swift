internal import CLinux
internal import Glibc
internal import Synchronization

/// A connection to another process of the host that carries messages, and descriptors with them, in both directions,
/// seen from a process whose threads may block. `MessageStream` is for a process that must not wait for its peer.
///
/// A message is preceded by its length and the number of its descriptors: `MessageStream` reads messages without
/// descriptors.
package final class MessageConnection: Sendable {
  /// The most descriptors that one message can carry: SCM_MAX_FD of the kernel, unix(7).
  package static let mostDescriptors = Int(CLINUX_MOST_PASSED)

  private let descriptor: Int32
  private let limit: Int
  private let acceptsDescriptors: Bool
  private let sending = Mutex<Void>(())

  /// - Parameters:
  ///   - descriptor: a stream socket that this process has inherited. The connection owns it from now on, and programs
  ///     that this process starts do not inherit it.
  ///   - limit: most bytes of a message to receive. A longer one comes from code that is not the host's, and ends the
  ///     connection for the receiver.
  package init(inherited descriptor: Int32, limit: Int) {
    self.descriptor = clinux_own(descriptor)
    self.limit = limit
    acceptsDescriptors = true
    _ = fcntl(self.descriptor, F_SETFD, FD_CLOEXEC)
  }

  /// - Parameters:
  ///   - descriptor: a stream socket that the caller owns, as `DescriptorPair.takeOurs` returns it. The connection owns
  ///     it from now on, and makes it blocking.
  ///   - limit: most bytes of a message to receive, as above.
  ///   - acceptsDescriptors: whether messages may bring descriptors. If not, this process never has those that come, and
  ///     they end the connection for the receiver.
  package init(owned descriptor: Int32, limit: Int, acceptsDescriptors: Bool = true) {
    self.descriptor = descriptor
    self.limit = limit
    self.acceptsDescriptors = acceptsDescriptors
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK)
  }

  deinit { clinux_close(descriptor) }

  /// The number of the descriptor, for a program that replaces the one of this process. It stays the connection's.
  package var number: Int32 { descriptor }

  /// Marks the descriptor as vital: if code of a plugin closes it, the process ends and says so.
  package func setVital() { clinux_set_use(descriptor, CLINUX_VITAL) }

  /// Whether the descriptor is still that of the connection. Code of a plugin may have closed it; another file may have
  /// its number since.
  package var isIntact: Bool {
    let count = unsafe Glibc.send(descriptor, "", 0, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
    return count >= 0 || errno != EBADF && errno != ENOTSOCK
  }

  /// Whether the peer or `close` has closed the connection. What was sent before may not be received yet. Does not wait.
  package var isClosed: Bool {
    var end = pollfd(fd: descriptor, events: 0, revents: 0)
    return unsafe poll(&end, 1, 0) > 0 && end.revents & Int16(POLLHUP) != 0
  }

  /// Ends the connection for both processes: a `receive` that waits here or there returns nil once it has received what
  /// was sent before, and a `send` that waits returns false. From any thread; does not wait. The descriptor is closed
  /// when the object is released.
  package func close() { shutdown(descriptor, Int32(SHUT_RDWR)) }

  /// Sends a whole message. From any thread. Waits until the connection has room: a peer that is stopped takes nothing,
  /// and some 200 small messages fill the connection.
  /// - Parameters:
  ///   - descriptors: at most `mostDescriptors`. The peer gets duplicates; these stay the caller's.
  ///   - timeout: how long to wait for room, in nanoseconds.
  /// - Returns: false if the peer is gone, if there was no room in time, or if the system does not pass the descriptors:
  ///   sendmsg(2), unix(7). Later messages can be sent after the last two, because nothing was sent; but if the time was
  ///   over in the middle of a message, the connection is closed.
  @discardableResult
  package func send(_ message: [UInt8], passing descriptors: [Int32] = [], within timeout: Int64 = .max) -> Bool {
    guard descriptors.count <= Self.mostDescriptors else { return false }
    let bytes = MessageHead(length: message.count, descriptors: descriptors.count).bytes + message
    let (time, isNever) = Clock.monotonic.addingReportingOverflow(max(timeout, 0))
    return sending.withLock { _ in
      var rest = bytes[...]
      // The kernel passes the descriptors with the first byte.
      var passed = descriptors
      while !rest.isEmpty {
        let count = unsafe rest.withUnsafeBytes {
          unsafe clinux_send_passing(descriptor, $0.baseAddress!, $0.count, passed, passed.count)
        }
        if count > 0 {
          passed = []
          rest = rest.dropFirst(count)
        } else {
          let mayGoOn = errno == EINTR || errno == EAGAIN && waitForRoom(until: isNever ? .max : time)
          guard mayGoOn else {
            if rest.count < bytes.count { close() }
            return false
          }
        }
      }
      return true
    }
  }

  /// Waits until something can be sent or the connection is closed.
  /// - Parameter time: when to give up: monotonic, nanoseconds; `.max` for never.
  /// - Returns: false if the time is over.
  private func waitForRoom(until time: Int64) -> Bool {
    while true {
      let left = time == .max ? -1 : Int32(clamping: (max(time - Clock.monotonic, 0) + 999_999) / 1_000_000)
      guard left != 0 else { return false }
      var end = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      if unsafe poll(&end, 1, left) > 0 { return true }
    }
  }

  /// Waits for the next message. For one thread.
  ///
  /// Its descriptors are close-on-exec and belong to the caller. They are not noted as the host's own yet: see
  /// `clinux_own`. If this process has no room for all of them (RLIMIT_NOFILE), -1 takes the place of each missing one.
  /// - Returns: nil if the peer or `close` has closed the connection, or if the peer has sent what is no message, after
  ///   which nothing more can be received.
  package func receive() -> (message: [UInt8], descriptors: [Int32])? {
    var passed: [Int32] = []
    guard let bytes = read(MessageHead.size, &passed), let head = MessageHead(bytes[...]), head.length <= limit,
      let message = read(head.length, &passed), passed.count <= head.descriptors
    else {
      for descriptor in passed where descriptor >= 0 { _ = Glibc.close(descriptor) }
      return nil
    }
    passed += [Int32](repeating: -1, count: head.descriptors - passed.count)
    return (message, passed)
  }

  /// Reads exactly `count` bytes, and appends the descriptors that come with them. A wild count takes no memory before
  /// the bytes have come.
  private func read(_ count: Int, _ passed: inout [Int32]) -> [UInt8]? {
    var bytes: [UInt8] = []
    var room = [Int32](repeating: -1, count: Self.mostDescriptors)
    // The kernel gives some 200 KiB at a time, at most.
    var piece = [UInt8](repeating: 0, count: min(count, 1 << 18))
    while bytes.count < count {
      let wanted = min(count - bytes.count, piece.count)
      var passedCount = 0
      let received =
        acceptsDescriptors
        ? unsafe clinux_receive_passing(descriptor, &piece, wanted, &room, &passedCount)
        : unsafe clinux_receive_passing(descriptor, &piece, wanted, nil, &passedCount)
      passed += room[..<passedCount]
      guard received > 0 || received < 0 && errno == EINTR else { return nil }
      bytes += piece[..<max(received, 0)]
    }
    return bytes
  }
}

/// What precedes a message: its length in the lower seven bytes, and the number of its descriptors in the highest.
struct MessageHead {
  static let size = 8

  let length: Int
  let descriptors: Int

  init(length: Int, descriptors: Int = 0) { (self.length, self.descriptors) = (length, descriptors) }

  /// Nil if there are not that many bytes.
  init?(_ bytes: ArraySlice<UInt8>) {
    var reader = WireReader(bytes)
    guard let number = try? reader.number() else { return nil }
    length = Int(number & 0xff_ffff_ffff_ffff)
    descriptors = Int(number >> 56)
  }

  var bytes: [UInt8] {
    var writer = WireWriter()
    writer.put(UInt64(length) | UInt64(descriptors) << 56)
    return writer.bytes
  }
}
