internal import CLinux
internal import Glibc

/// Two connected descriptors, `ours` for this process and `theirs` for a child process. Both are closed on exec, and when
/// the object is released; ours only if it was not taken.
package final class DescriptorPair {
  /// Stays the object's; to be inherited by the child.
  package let theirs: Int32
  private var ours: Int32

  /// A pair of connected stream sockets: socketpair(2).
  /// - Parameter subject: what the pair is for, in the error.
  package init(socketsFor subject: String) throws(FileError) {
    var ends: [Int32] = [-1, -1]
    let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    _ = try systemCall("make sockets for it", subject) { unsafe socketpair(AF_UNIX, type, 0, &ends) }
    (ours, theirs) = (clinux_own(ends[0]), clinux_own(ends[1]))
  }

  /// The two ends of a pipe, ours for reading and theirs for writing: pipe(2).
  /// - Parameter subject: what the pipe is for, in the error.
  package init(pipeFor subject: String) throws(FileError) {
    var ends: [Int32] = [-1, -1]
    _ = try systemCall("make a pipe for it", subject) { unsafe pipe(&ends) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    (ours, theirs) = (clinux_own(ends[0]), clinux_own(ends[1]))
  }

  deinit {
    clinux_close(theirs)
    if ours >= 0 { clinux_close(ours) }
  }

  /// Our end, made non-blocking. The caller owns it from now on and closes it by `clinux_close`.
  package func takeOurs() -> Int32 {
    _ = fcntl(ours, F_SETFL, O_NONBLOCK)
    defer { ours = -1 }
    return ours
  }
}
