internal import CLinux
internal import Glibc
internal import Logging
internal import Synchronization

/// Reports descriptors of the host that code of plugins has closed. From any thread.
public enum ClosedDescriptors {
  private static let logger = Logger(label: "ambit")
  /// The standard streams that were reported already.
  private static let reportedStreams = Atomic<UInt32>(0)
  /// Of lines about closed connections.
  private static let connectionLimit = Mutex(LogRateLimit())

  /// The exit status of the process when one that is vital is lost.
  private static let exitStatus = Atomic<Int32>(EXIT_FAILURE)

  /// Sets the exit status of the process when a descriptor that is vital is lost, in place of 1.
  package static func setExitStatus(_ status: Int32) { exitStatus.store(status, ordering: .relaxed) }

  /// Opens the standard streams that are closed, and logs that `work` of `plugin` has closed them. Call it right after
  /// `work`, so that no other code can have done it.
  public static func restoreStreams(closedBy work: String, of plugin: String) {
    clinux_restore_streams()
    let losses = clinux_take_losses()
    guard losses.streams != 0 else { return logLosses(losses) }
    logger.error(
      "\(work) closed \(text(losses.streams))", metadata: [LogField.plugin: "\(plugin)", LogField.fault: "plugin"])
  }

  /// Opens the standard streams that are closed. Call it before any other file is opened.
  public static func restoreStreams() {
    clinux_restore_streams()
    report()
  }

  /// Logs the losses that were found since the last report, mostly none. Ends the process if one of them is vital.
  @inline(__always)
  public static func report() {
    if clinux_has_losses() { logLosses(clinux_take_losses()) }
  }

  @inline(never)
  private static func logLosses(_ losses: clinux_losses) {
    let before = reportedStreams.bitwiseOr(losses.streams, ordering: .relaxed).oldValue
    let news = losses.streams & ~before
    if news != 0 { log(.error, "a plugin closed \(text(news)); logged once") }
    if losses.connection >= 0, connectionLimit.withLock({ $0.permits(at: Clock.monotonic) }) {
      let lost = "descriptor \(losses.connection), a client's connection; the connection is lost"
      log(.error, "a plugin closed \(lost); \(LogRateLimit.note)")
    }
    if losses.vital >= 0 { endHost(forLossOf: losses.vital) }
  }

  /// Ends the process, whose loops could neither be woken nor accept connections any more.
  package static func endHost(forLossOf descriptor: Int32) -> Never {
    log(.critical, "a plugin closed descriptor \(descriptor); the \(HostProcess.name) cannot run without it and ends")
    endHost()
  }

  /// Ends the process, which has lost a descriptor that is vital.
  public static func endHost() -> Never { HostProcess.exit(exitStatus.load(ordering: .relaxed)) }

  private static func log(_ level: Logger.Level, _ message: String) {
    logger.log(level: level, "\(message)", metadata: [LogField.fault: "plugin"])
  }

  /// The end of a sentence.
  private static func text(_ streams: UInt32) -> String {
    let names = ["standard input (0)", "standard output (1)", "standard error (2)"]
    let closed = names.indices.filter { streams >> $0 & 1 != 0 }.map { names[$0] }
    let place = streams == 4 ? "reopened" : "reopened on /dev/null"
    return "\(closed.joined(separator: ", ")): \(place)\(streams > 4 ? "; 2 reopened on the log" : "")"
  }
}
