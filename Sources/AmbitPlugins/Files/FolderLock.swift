import AmbitSystem
import CLinux
import Glibc

/// A lock that a process holds on a folder of its own for as long as it lives, whatever ends it: flock(2).
final class FolderLock: Sendable {
  private static let name = "lock"
  private let descriptor: Int32

  /// Locks `folder`, which is new and known to nobody. The file gets its name when it is locked already, so that nobody
  /// finds it free.
  init(_ folder: String) throws(FileError) {
    let (temporary, final) = ("\(folder)/.\(Self.name)", "\(folder)/\(Self.name)")
    let descriptor = try systemCall("create it", temporary) {
      clinux_own(open(temporary, O_RDWR | O_CREAT | O_CLOEXEC, 0o600))
    }
    self.descriptor = descriptor
    _ = try systemCall("lock it", temporary) { flock(descriptor, LOCK_EX | LOCK_NB) }
    _ = try systemCall("rename it", temporary) { rename(temporary, final) }
  }

  deinit { clinux_close(descriptor) }

  /// Whether `folder` was locked once, by a process that is gone.
  static func isAbandoned(_ folder: String) -> Bool {
    let descriptor = open("\(folder)/\(name)", O_RDWR | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return flock(descriptor, LOCK_EX | LOCK_NB) == 0
  }
}
