import Glibc

/// Blocks the calling thread for `duration`; for the host's control thread, never for an event loop.
package func pauseThread(_ duration: Duration) {
  let (seconds, attoseconds) = duration.components
  var wanted = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
  var left = timespec()
  while nanosleep(&wanted, &left) == -1, errno == EINTR { wanted = left }
}
