internal import AmbitSystem
internal import Logging

/// Watches the main thread: reports when code of plugins blocks it, so that other such code waits, and when it runs
/// again. Used on the watchdog's thread.
struct MainThreadStall {
  private var watch = StallDetector(limit: 1_000_000_000)
  /// Whose code blocks it; empty if that is not known.
  private var fields: Logger.Metadata = [:]
  /// One watchdog of the process watches the main thread: the first that looks.
  private lazy var isInCharge = MainThread.claimWatch()

  /// Checks the main thread once and logs changes.
  mutating func look(_ logger: Logger) {
    guard isInCharge else { return }
    let now = Clock.monotonic
    switch watch.look(turnBegan: MainThread.codeBegan, now: now) {
    case .none: return
    case .began: begin(now, logger)
    case .ended(let duration):
      logger.warning("main thread runs again after \(duration / 1_000_000) ms", metadata: fields)
    }
  }

  private mutating func begin(_ now: Int64, _ logger: Logger) {
    let thread = HostProcess.identifier
    let sample = ThreadSample(ofThread: thread, origin: Self.pluginAddress(onStackOf: thread) ?? 0)
    let plugin = sample.backtrace.frames.lazy.compactMap(CrashReport.label(of:)).first
    fields = [LogField.fault: "plugin", "ms": "\((now - watch.stalledTurn!) / 1_000_000)"]
    if let plugin { fields[LogField.plugin] = "\(plugin)" }
    let culprit = plugin.map { "plugin \($0)" } ?? "code of a plugin"
    logger.warning(
      """
      main thread blocked for \((now - watch.stalledTurn!) / 1_000_000) ms by \(culprit); other code of the main actor \
      and of DispatchQueue.main waits
      """, metadata: fields.merging(sample.fields) { $1 })
    fields["ms"] = nil
  }

  /// An address in the library of a plugin that the thread, which waits in a system call, returns to.
  private static func pluginAddress(onStackOf thread: Int32) -> UInt? {
    guard case .inCall(_, _, let stackPointer, _) = ThreadState(ofThread: thread) else { return nil }
    return StackScan.firstReturn(from: stackPointer) { CrashReport.label(of: $0) != nil }
  }
}
