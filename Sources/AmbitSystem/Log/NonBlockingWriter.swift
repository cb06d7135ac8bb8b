internal import CLinux
internal import Glibc

/// A descriptor that is written to without waiting for who reads it, although others may share it: O_NONBLOCK is a
/// property of what was opened, so to set it would change it for the shell, too, or for whoever else has it.
struct NonBlockingWriter: Sendable {
  private enum Way {
    /// What takes all at once, such as a file, or was opened anew with O_NONBLOCK.
    case plain
    case socket
    /// A pipe or terminal that may not be opened anew: asked first, in pieces for which there is room then. Whoever else
    /// writes to it could take the room in between.
    case asked
  }

  /// The output's own, above the standard streams: code of plugins may close these. -1: nothing is written any more.
  private let descriptor: Int32
  private let way: Way
  private let file: FileIdentity?

  /// `mayReopen` is false for trying what happens where the system refuses it.
  init(_ descriptor: Int32, mayReopen: Bool = true) {
    file = FileIdentity(of: descriptor)
    switch file?.kind {
    case S_IFSOCK: (self.descriptor, way) = (Self.duplicate(descriptor), .socket)
    case S_IFIFO, S_IFCHR:
      let again =
        mayReopen
        ? clinux_own(open("/proc/self/fd/\(descriptor)", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)) : -1
      (self.descriptor, way) = again >= 0 ? (again, .plain) : (Self.duplicate(descriptor), .asked)
    default: (self.descriptor, way) = (Self.duplicate(descriptor), .plain)
    }
  }

  /// Writes nothing.
  private init(lost file: FileIdentity?) { (descriptor, way, self.file) = (-1, .plain, file) }

  private static func duplicate(_ descriptor: Int32) -> Int32 {
    let own = clinux_duplicate(descriptor)
    return own >= 0 ? own : descriptor
  }

  /// Whether the descriptor is still open on what it was opened on: code of a plugin that closes it may open something
  /// else by that number, and so may the host.
  var isIntact: Bool { descriptor < 0 || FileIdentity(of: descriptor) == file }

  /// The same output by another descriptor, if `original` is still open on it.
  func renewed(from original: Int32) -> NonBlockingWriter {
    FileIdentity(of: original) == file ? NonBlockingWriter(original) : NonBlockingWriter(lost: file)
  }

  /// Writes what there is room for.
  /// - Returns: how many bytes that is; all of them if nobody will ever read them.
  func write(_ bytes: UnsafeRawBufferPointer) -> Int {
    while true {
      let count = writeOnce(bytes)
      if count >= 0 { return count }
      switch errno {
      case EINTR: continue
      case EAGAIN: return 0
      default: return bytes.count
      }
    }
  }

  private func writeOnce(_ bytes: UnsafeRawBufferPointer) -> Int {
    switch way {
    case .plain: Glibc.write(descriptor, bytes.baseAddress, bytes.count)
    case .socket: send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
    case .asked: hasRoom(within: 0) ? Glibc.write(descriptor, bytes.baseAddress, min(bytes.count, Int(PIPE_BUF))) : 0
    }
  }

  /// Waits until there is room, or nobody who could make any, at most for so many nanoseconds.
  func awaitRoom(atMost nanoseconds: Int64 = .max) {
    _ = hasRoom(within: Int32(clamping: nanoseconds / 1_000_000 + 1))
  }

  private func hasRoom(within milliseconds: Int32) -> Bool {
    var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    return Glibc.poll(&poll, 1, milliseconds) > 0
  }
}

/// What a descriptor is open on: fstat(2).
private struct FileIdentity: Equatable {
  let device: dev_t
  let inode: ino_t
  /// S_IFREG and the like.
  let kind: mode_t

  /// Nil if the descriptor is not open.
  init?(of descriptor: Int32) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return nil }
    (device, inode, kind) = (status.st_dev, status.st_ino, status.st_mode & S_IFMT)
  }
}
