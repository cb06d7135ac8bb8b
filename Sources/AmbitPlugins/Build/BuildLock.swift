internal import AmbitCore
internal import CLinux
internal import Glibc

/// A lock on a folder of plugins while one process builds in it: the next one waits, and finds everything up to date.
/// It is on the folder itself, flock(2), so it needs no file and works in folders that cannot be written. Where the file
/// system has no such locks, two builds do the work twice, and each puts whole files into place.
final class BuildLock {
  private let descriptor: Int32

  /// - Parameter waiting: is called before it waits for another process.
  init(_ folder: String, _ waiting: () -> Void) {
    descriptor = unsafe clinux_lift(open(folder.systemPath, O_RDONLY | O_DIRECTORY | O_CLOEXEC))
    guard descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK else { return }
    waiting()
    while flock(descriptor, LOCK_EX) != 0, errno == EINTR {}
  }

  deinit { if descriptor >= 0 { close(descriptor) } }
}
