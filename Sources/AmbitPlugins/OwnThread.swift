internal import AmbitRuntime

/// Runs `work` on a thread of its own, for what may take long or wait for the loader; on this thread if none can be had.
func onOwnThread(_ work: @escaping @Sendable () -> Void) {
  guard let thread = try? SystemThread(for: "work that may block", work) else { return work() }
  thread.detach()
}
