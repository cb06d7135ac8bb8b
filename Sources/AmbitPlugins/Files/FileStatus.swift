import AmbitSystem
import Glibc

/// What tells one state of a file from another without reading it. Two equal values mean that nobody changed the file
/// in between, as far as the system can tell.
struct FileStatus: Equatable {
  enum Kind { case file, folder, other }

  let kind: Kind
  let size: Int
  /// Last change of the content, in nanoseconds since 1970.
  let modified: Int64
  private let changed: Int64
  private let device: UInt64
  private let inode: UInt64

  init(_ status: stat) {
    kind =
      switch status.st_mode & S_IFMT {
      case S_IFREG: .file
      case S_IFDIR: .folder
      default: .other
      }
    size = Int(status.st_size)
    modified = Self.nanoseconds(status.st_mtim)
    changed = Self.nanoseconds(status.st_ctim)
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
  }

  /// Follows symbolic links.
  init(of path: String) throws(FileError) {
    var status = stat()
    _ = try systemCall("examine it", path) { stat(path, &status) }
    self.init(status)
  }

  /// How long ago the content was changed; negative if the clock was set back since.
  var age: Duration {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return .nanoseconds(Self.nanoseconds(now) - modified)
  }

  private static func nanoseconds(_ time: timespec) -> Int64 {
    Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
