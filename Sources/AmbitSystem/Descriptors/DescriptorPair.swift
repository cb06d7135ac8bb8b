internal import CLinux
internal import Glibc

/// Two connected descriptors, one for this process and one for another. Both are closed when the object goes, ours
/// unless it was taken; other processes inherit neither.
package final class DescriptorPair {
  package let theirs: Int32
  private var ours: Int32

  /// Two sockets.
  package init(socketsFor subject: String) throws(FileError) {
    var ends: [Int32] = [-1, -1]
    let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    _ = try systemCall("make sockets for it", subject) { socketpair(AF_UNIX, type, 0, &ends) }
    (ours, theirs) = (clinux_own(ends[0]), clinux_own(ends[1]))
  }

  /// The two ends of a pipe; theirs is for writing.
  package init(pipeFor subject: String) throws(FileError) {
    var ends: [Int32] = [-1, -1]
    _ = try systemCall("make a pipe for it", subject) { pipe(&ends) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    (ours, theirs) = (clinux_own(ends[0]), clinux_own(ends[1]))
  }

  deinit {
    clinux_close(theirs)
    if ours >= 0 { clinux_close(ours) }
  }

  /// Our end, non-blocking, which the caller closes by `clinux_close`.
  package func takeOurs() -> Int32 {
    _ = fcntl(ours, F_SETFL, O_NONBLOCK)
    defer { ours = -1 }
    return ours
  }
}
