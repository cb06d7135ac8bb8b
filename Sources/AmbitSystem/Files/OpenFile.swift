internal import AmbitCore
internal import CLinux
internal import Glibc

/// An open file. It is closed when the object goes.
package final class OpenFile: Sendable {
  private let descriptor: Int32
  private let path: String

  /// Bytes per read(2).
  private static let pieceSize = 256 * 1024

  /// Opens a file for reading. Never waits for the other end of a FIFO; child processes do not inherit the descriptor.
  package init(reading path: String) throws(FileError) {
    descriptor = try systemCall("open it", path) {
      unsafe clinux_lift(open(path.systemPath, O_RDONLY | O_CLOEXEC | O_NONBLOCK))
    }
    self.path = path
  }

  /// Opens a file that exists for writing, such as one of proc(5).
  package init(writing path: String) throws(FileError) {
    descriptor = try systemCall("open it", path) {
      unsafe clinux_lift(open(path.systemPath, O_WRONLY | O_CLOEXEC))
    }
    self.path = path
  }

  /// Creates a file, with `mode` less the process's umask. Throws if there is one already.
  package init(creating path: String, mode: UInt32) throws(FileError) {
    descriptor = try systemCall("create it", path) {
      unsafe clinux_lift(open(path.systemPath, O_WRONLY | O_CLOEXEC | O_CREAT | O_EXCL, mode_t(mode)))
    }
    self.path = path
  }

  /// Creates a file of the host's own, with exactly `mode`, whatever umask code of a plugin has set. Throws if there is
  /// one already. For files whose rights are up to the operator, see `init(creating:mode:)`.
  package convenience init(creatingOwn path: String, mode: UInt32) throws(FileError) {
    try self.init(creating: path, mode: mode)
    // Some file systems have one mode for all files; they refuse it.
    fchmod(descriptor, mode_t(mode))
  }

  deinit { close(descriptor) }

  /// The status of the open file, whatever has its path by now.
  package func status() throws(FileError) -> FileStatus {
    var status = stat()
    _ = try systemCall("examine it", path) { unsafe fstat(descriptor, &status) }
    return FileStatus(status)
  }

  /// The first `limit` bytes; all of them if the file has no more.
  package func readHead(upTo limit: Int) throws(FileError) -> [UInt8] {
    var bytes: [UInt8] = []
    try readPieces(upTo: limit) { (piece) throws(FileError) in bytes += piece }
    return bytes
  }

  /// Reads the file from its beginning, at most `limit` bytes, and passes them to `body` in pieces: a file of any size
  /// takes the memory of one piece.
  /// - Returns: the number of bytes that were read.
  @discardableResult
  package func readPieces(
    upTo limit: Int, _ body: (ArraySlice<UInt8>) throws(FileError) -> Void
  ) throws(FileError) -> Int {
    var buffer = [UInt8](repeating: 0, count: min(Self.pieceSize, limit))
    var place = 0
    while place < limit {
      let wanted = min(buffer.count, limit - place)
      let count = try systemCall("read it", path) { unsafe pread(descriptor, &buffer, wanted, off_t(place)) }
      guard count > 0 else { break }
      try body(buffer[..<count])
      place += count
    }
    return place
  }

  /// Waits until what was written is on the disk: fsync(2). For a folder: the names of its files.
  package func sync() throws(FileError) {
    _ = try systemCall("write it to the disk", path) { fsync(descriptor) }
  }

  /// Writes all of `bytes`.
  package func write(_ bytes: some Collection<UInt8>) throws(FileError) {
    var written = 0
    let bytes = ArraySlice(bytes)
    while written < bytes.count {
      written += try systemCall("write it", path) {
        unsafe bytes.withUnsafeBytes {
          unsafe Glibc.write(descriptor, $0.baseAddress! + written, bytes.count - written)
        }
      }
    }
  }
}

/// What tells one state of a file from another without reading it. Two equal values mean that nobody changed the file
/// in between, as far as the system can tell.
package struct FileStatus: Equatable, Codable, Sendable {
  package enum Kind: Codable, Sendable { case file, folder, link, other }

  package let kind: Kind
  /// In bytes.
  package let size: Int
  /// Last change of the content, in nanoseconds since 1970.
  package let modified: Int64
  /// The user who owns it.
  package let owner: UInt32
  /// The group whose members the group's mode bits are for.
  package let group: UInt32
  /// The mode bits without the kind: chmod(2).
  package let permissions: UInt32
  package let device: UInt64
  package let inode: UInt64
  /// Last change of the inode, in nanoseconds since 1970. The kernel sets it; programs cannot.
  package let changed: Int64

  init(_ status: stat) {
    kind =
      switch status.st_mode & S_IFMT {
      case S_IFREG: .file
      case S_IFDIR: .folder
      case S_IFLNK: .link
      default: .other
      }
    size = Int(status.st_size)
    modified = Self.nanoseconds(status.st_mtim)
    changed = Self.nanoseconds(status.st_ctim)
    owner = status.st_uid
    group = status.st_gid
    permissions = status.st_mode & 0o7777
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
  }

  /// The status of the file at `path`; symbolic links are followed.
  package init(of path: String) throws(FileError) {
    var status = stat()
    _ = try systemCall("examine it", path) { unsafe stat(path.systemPath, &status) }
    self.init(status)
  }

  /// The status of the file or link at `path` itself.
  package init(ofLink path: String) throws(FileError) {
    var status = stat()
    _ = try systemCall("examine it", path) { unsafe lstat(path.systemPath, &status) }
    self.init(status)
  }

  /// How long ago the content was changed; negative if the clock was set back since.
  package var age: Duration {
    var now = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &now)
    return .nanoseconds(Self.nanoseconds(now) - modified)
  }

  private static func nanoseconds(_ time: timespec) -> Int64 {
    Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}

/// Passes the bytes of the file at `path` to `body`, mapped and not read: what `body` does not look at takes no memory.
///
/// Only for files that nobody else changes, such as private copies: if a file becomes shorter while it is mapped, the
/// process ends with SIGBUS.
package func withMappedBytes<Value, Failure: Error>(
  of path: String, _ body: (Span<UInt8>) throws(Failure) -> Value
) throws(FileError) -> Result<Value, Failure> {
  let descriptor = try systemCall("open it", path) { unsafe open(path.systemPath, O_RDONLY | O_CLOEXEC) }
  defer { close(descriptor) }
  var status = stat()
  _ = try systemCall("examine it", path) { unsafe fstat(descriptor, &status) }
  let size = Int(status.st_size)
  guard size > 0 else {
    // mmap(2) refuses to map nothing.
    let nothing: [UInt8] = []
    return Result { () throws(Failure) in try body(nothing.span) }
  }
  guard let address = unsafe mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), unsafe address != MAP_FAILED
  else {
    throw FileError(subject: path, action: "map it", code: errno)
  }
  defer { unsafe munmap(address, size) }
  let bytes = unsafe UnsafeRawBufferPointer(start: address, count: size).assumingMemoryBound(to: UInt8.self)
  return Result { () throws(Failure) in try body(unsafe bytes.span) }
}

/// Reads small text files.
public enum TextFile {
  /// The whole text of a file of proc(5) or the like. Bytes that are not UTF-8 belong to the names of files. Blocks.
  /// - Throws: as `bytes`.
  public static func read(_ path: String, upTo limit: Int = 16 << 20) throws(SystemError) -> String {
    String(fileName: try bytes(path, upTo: limit))
  }

  /// All bytes of a file. Blocks.
  /// - Parameter limit: most bytes that are read. A device or a pipe could go on for ever.
  /// - Throws: the system's reason, or EFBIG if there are more bytes than `limit`.
  public static func bytes(_ path: String, upTo limit: Int = 16 << 20) throws(SystemError) -> [UInt8] {
    let descriptor = try SystemError.check(
      "cannot open \(path)", unsafe clinux_lift(open(path.systemPath, O_RDONLY | O_CLOEXEC)))
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = unsafe Glibc.read(descriptor, &piece, piece.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw SystemError(operation: "cannot read \(path)") }
      if count == 0 { break }
      bytes += piece[..<count]
      guard bytes.count <= limit else {
        throw SystemError(operation: "cannot read \(path), which has more than \(limit >> 20) MiB", code: EFBIG)
      }
    }
    return bytes
  }

  /// Whether the path leads to a pipe, a terminal or the like, which gives each byte only once: stat(2).
  public static func isStream(_ path: String) -> Bool {
    var status = stat()
    guard unsafe stat(path.systemPath, &status) == 0 else { return false }
    return ![S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT)
  }
}
