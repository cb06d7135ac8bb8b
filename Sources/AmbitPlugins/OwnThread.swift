import Glibc

/// Runs `work` on a thread of its own, for what may take long or wait for the loader; on this thread if none can be had.
func onOwnThread(_ work: @escaping @Sendable () -> Void) {
  let body = Unmanaged.passRetained(ThreadBody(work))
  var thread = pthread_t()
  let code = pthread_create(
    &thread, nil,
    { body in
      Unmanaged<ThreadBody>.fromOpaque(body!).takeRetainedValue().work()
      return nil
    }, body.toOpaque())
  if code == 0 { pthread_detach(thread) } else { body.takeRetainedValue().work() }
}

private final class ThreadBody {
  let work: @Sendable () -> Void
  init(_ work: @escaping @Sendable () -> Void) { self.work = work }
}
