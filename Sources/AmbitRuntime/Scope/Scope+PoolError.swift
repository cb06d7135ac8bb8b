internal import Logging

extension UnsafeMutablePointer<Scope> {
  /// Logs that the pool has refused work of this scope for `lane`, at most every 10 s. `consequence` is such as "the
  /// job was refused". The watchdog logs it if the limit is the plugin's own. On the scope's loop.
  @inline(never)
  public func report(
    _ error: PoolError, in lane: SerialLane? = nil, job: JobPointer? = nil, _ consequence: String
  ) {
    guard !error.isOfPlugin, PluginLog.writes(.warning),
      let note = pointee.loop.pointee.pool._withUnsafeGuaranteedRef({ $0.noteOfRefusal(in: lane) })
    else { return }
    PluginLog.write(.warning, self, job: job, "\(error), so \(consequence)\(error.advice); \(note)")
  }
}
