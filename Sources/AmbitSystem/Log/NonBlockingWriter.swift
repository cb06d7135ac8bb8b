internal import CLinux
internal import Glibc

/// Writes to a descriptor that other processes may share, without blocking and without setting O_NONBLOCK on it: the
/// flag belongs to the open file, so setting it would change the descriptor of the shell, too.
struct NonBlockingWriter: Sendable {
  private enum Mode {
    /// The descriptor takes everything at once, such as a file, or was opened again with O_NONBLOCK.
    case plain
    case socket
    /// A pipe or terminal that cannot be opened again: polled before each write of at most PIPE_BUF bytes. Another
    /// writer can take the room between the two calls, and then the write blocks.
    case polled
  }

  /// A duplicate above the standard streams, which code of plugins may close. -1: nothing is written any more.
  private let descriptor: Int32
  private let mode: Mode
  private let file: FileIdentity?

  /// - Parameter mayReopen: false in tests of what happens if the system refuses it.
  init(_ descriptor: Int32, mayReopen: Bool = true) {
    file = FileIdentity(of: descriptor)
    switch file?.kind {
    case S_IFSOCK: (self.descriptor, mode) = (Self.duplicate(descriptor), .socket)
    case S_IFIFO, S_IFCHR:
      let reopened =
        mayReopen
        ? unsafe clinux_own(open("/proc/self/fd/\(descriptor)", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)) : -1
      (self.descriptor, mode) = reopened >= 0 ? (reopened, .plain) : (Self.duplicate(descriptor), .polled)
    default: (self.descriptor, mode) = (Self.duplicate(descriptor), .plain)
    }
  }

  /// Discards everything.
  private init(lost file: FileIdentity?) { (descriptor, mode, self.file) = (-1, .plain, file) }

  private static func duplicate(_ descriptor: Int32) -> Int32 {
    let own = clinux_duplicate(descriptor)
    return own >= 0 ? own : descriptor
  }

  /// Whether the descriptor still leads to the file that it was opened on. If code of a plugin closes it, plugin or
  /// host may open another file with the same number.
  var isIntact: Bool { descriptor < 0 || FileIdentity(of: descriptor) == file }

  /// A writer to the same file through `original`; one that discards everything if `original` leads elsewhere.
  func renewed(from original: Int32) -> NonBlockingWriter {
    FileIdentity(of: original) == file ? NonBlockingWriter(original) : NonBlockingWriter(lost: file)
  }

  /// Writes as many bytes as there is room for. Of lines in a file the last one is written whole or not at all.
  /// - Returns: how many; all of them if the reader is gone, so that the caller drops them; nil if the disk is full.
  func write(_ bytes: UnsafeRawBufferPointer) -> Int? {
    while true {
      let count = unsafe writeOnce(bytes)
      if count >= 0 { return unsafe count < bytes.count && isFile ? keepingWholeLines(of: bytes, count) : count }
      switch errno {
      case EINTR: continue
      case EAGAIN: return 0
      case ENOSPC, EDQUOT: return nil
      default: return bytes.count
      }
    }
  }

  private var isFile: Bool { file?.kind == S_IFREG }

  /// Removes the piece of a line that a full disk has taken: the next line may be another process's, which does not know
  /// of it.
  /// - Parameter written: how many of `bytes` the disk has taken.
  /// - Returns: how many of them are in the file; nil if none is.
  private func keepingWholeLines(of bytes: UnsafeRawBufferPointer, _ written: Int) -> Int? {
    let whole = unsafe bytes[..<written].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    // All processes that share the open file share this position. It is the end of the last piece.
    let end = lseek(descriptor, 0, SEEK_CUR)
    var status = stat()
    // If the file is longer, another program has written after the piece.
    guard end >= written, unsafe fstat(descriptor, &status) == 0, status.st_size == end else { return written }
    let start = end - (written - whole)
    guard ftruncate(descriptor, start) == 0 else { return written }
    // Without O_APPEND the next line would leave a gap. With it the position is that of another process, maybe.
    if fcntl(descriptor, F_GETFL) & O_APPEND == 0 { lseek(descriptor, start, SEEK_SET) }
    return whole > 0 ? whole : nil
  }

  private func writeOnce(_ bytes: UnsafeRawBufferPointer) -> Int {
    switch mode {
    case .plain: unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count)
    case .socket: unsafe send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
    case .polled:
      unsafe isWritable(within: 0) ? Glibc.write(descriptor, bytes.baseAddress, min(bytes.count, Int(PIPE_BUF))) : 0
    }
  }

  /// Waits until there is room or the reader is gone, at most so many nanoseconds. If another process is in the middle
  /// of a line, waits a moment.
  func waitUntilWritable(atMost nanoseconds: Int64 = .max) {
    guard !isLockedByOther else { return pauseThread(.nanoseconds(min(nanoseconds, Self.lockPause))) }
    _ = isWritable(within: Int32(clamping: nanoseconds / 1_000_000 + 1))
  }

  private func isWritable(within milliseconds: Int32) -> Bool {
    var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    return unsafe Glibc.poll(&poll, 1, milliseconds) > 0
  }
}

// Hosts write to the same stream as their workers, and a pipe or socket takes a long line in pieces. So that nothing comes
// between the pieces, each process writes while it holds a lock on the stream, fcntl(2), and keeps it in the middle of a
// line. The kernel releases the lock of a process that ends.

extension NonBlockingWriter {
  /// Whether the stream takes lines in pieces: a pipe or a socket. Terminals take short lines at once, and `/dev/null` is
  /// everybody's, so that another program's lock on it would count.
  var mayCutLines: Bool { file?.kind == S_IFIFO || file?.kind == S_IFSOCK }

  /// How long the log's thread waits for another process that is in the middle of a line, in nanoseconds.
  private static var lockPause: Int64 { 10_000_000 }
  /// A process that is not in the middle of a line holds the lock for some microseconds.
  private static var lockAttempts: Int { 20 }

  /// Takes the lock, or has it already. Does not block.
  /// - Returns: false if another process is in the middle of a line. True if the system has no lock.
  func lock() -> Bool {
    for _ in 0..<Self.lockAttempts {
      var lock = Self.lock(F_WRLCK)
      if unsafe fcntl(descriptor, F_SETLK, &lock) == 0 { return true }
      guard errno == EAGAIN || errno == EACCES || errno == EINTR else { return true }
      sched_yield()
    }
    return false
  }

  func unlock() {
    var lock = Self.lock(F_UNLCK)
    _ = unsafe fcntl(descriptor, F_SETLK, &lock)
  }

  private var isLockedByOther: Bool {
    guard mayCutLines else { return false }
    var lock = Self.lock(F_WRLCK)
    return unsafe fcntl(descriptor, F_GETLK, &lock) == 0 && lock.l_type != Int16(F_UNLCK)
  }

  /// Of the whole stream.
  private static func lock(_ type: Int32) -> flock {
    var lock = flock()
    lock.l_type = Int16(type)
    lock.l_whence = Int16(SEEK_SET)
    return lock
  }
}

/// The file that a descriptor leads to: fstat(2).
private struct FileIdentity: Equatable {
  let device: dev_t
  let inode: ino_t
  /// S_IFREG and the like.
  let kind: mode_t

  /// nil if the descriptor is closed.
  init?(of descriptor: Int32) {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { return nil }
    (device, inode, kind) = (status.st_dev, status.st_ino, status.st_mode & S_IFMT)
  }
}
