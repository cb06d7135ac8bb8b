internal import CLinux
internal import Glibc
internal import Logging
internal import Synchronization

/// Reports descriptors that code of plugins has closed although they are not its own. From any thread.
public enum ClosedDescriptors {
  private static let logger = Logger(label: "ambit")
  /// Of the standard streams those that have been told.
  private static let toldStreams = Atomic<UInt32>(0)
  /// Of lines about closed connections.
  private static let connectionLimit = Mutex(LogRateLimit())

  /// Opens the standard streams that are closed and says that `work` of `plugin` has closed them: right after it, so that
  /// nobody else comes into question.
  public static func restoreStreams(closedBy work: String, of plugin: String) {
    clinux_restore_streams()
    let losses = clinux_take_losses()
    guard losses.streams != 0 else { return tell(losses) }
    logger.error(
      "\(work) closed \(text(losses.streams))", metadata: [LogField.plugin: "\(plugin)", LogField.fault: "plugin"])
  }

  /// Opens the standard streams that are closed, before anything else is opened.
  public static func restoreStreams() {
    clinux_restore_streams()
    report()
  }

  /// Tells what has been found since the last report, which is nothing as a rule. Ends the process if the host cannot do
  /// without it.
  @inline(__always)
  public static func report() {
    if clinux_has_losses() { tell(clinux_take_losses()) }
  }

  @inline(never)
  private static func tell(_ losses: clinux_losses) {
    let before = toldStreams.bitwiseOr(losses.streams, ordering: .relaxed).oldValue
    let news = losses.streams & ~before
    if news != 0 { log(.error, "a plugin closed \(text(news)); told once") }
    if losses.connection >= 0, connectionLimit.withLock({ $0.permits(at: Clock.monotonic) }) {
      let lost = "descriptor \(losses.connection), a client's connection, which is lost"
      log(.error, "a plugin closed \(lost); \(LogRateLimit.note)")
    }
    if losses.vital >= 0 { endHost(forLossOf: losses.vital) }
  }

  /// Ends the process, which would neither wake nor accept any more.
  package static func endHost(forLossOf descriptor: Int32) -> Never {
    log(.critical, "a plugin closed descriptor \(descriptor), without which the host cannot go on: the host ends")
    HostProcess.exit(EXIT_FAILURE)
  }

  private static func log(_ level: Logger.Level, _ message: String) {
    logger.log(level: level, "\(message)", metadata: [LogField.fault: "plugin"])
  }

  /// As the end of a sentence.
  private static func text(_ streams: UInt32) -> String {
    let names = ["standard input (0)", "standard output (1)", "standard error (2)"]
    let closed = names.indices.filter { streams >> $0 & 1 != 0 }.map { names[$0] }
    let place = streams == 4 ? "open again" : "open again, on /dev/null"
    return "\(closed.joined(separator: ", ")): \(place)\(streams > 4 ? "; 2 on the log" : "")"
  }
}
