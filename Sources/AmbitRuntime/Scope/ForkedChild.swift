public import AmbitSystem
internal import CFiber
internal import CLinux
internal import Glibc
internal import Logging

/// A process that plugin code makes with fork(2).
///
/// It has a copy of the host's memory and one thread, the one that called fork. It may exec a program or call `_exit`.
/// It cannot serve: the loops' epoll instances and the connections belong to the parent, and locks of other threads may
/// be held for ever. So the host's descriptors are closed in the child, its calls of ambit.h return
/// `AMBIT_WRONG_THREAD`, and the child ends if plugin code returns into the host.
public enum ForkedChild {
  /// Prepares the process for plugin code that forks. To be called before plugins are loaded; a second call has no
  /// effect.
  static func watch() { _ = isWatched }

  private static let isWatched: Bool = {
    let signals = Signals.numbers.reduce(UInt64(0)) { $0 | 1 << UInt64($1) }
    // So that calls of ambit.h find themselves on a thread that belongs to no loop.
    return clinux_watch_forks(signals) {
      cfiber_set_loop(nil)
      cfiber_set_work(nil)
    } == 0
  }()

  /// Whether the calling process is a forked child, which must take no lock of the host.
  @inline(__always)
  static var isCurrent: Bool { clinux_is_forked_child() }

  /// Sets the format of the line about the end of a forked child; the default is text. To be called before plugins are
  /// loaded.
  public static func writeLines(as format: LineLogHandler.Format) { lineFormat = format }

  private nonisolated(unsafe) static var lineFormat = LineLogHandler.Format.text

  /// Ends the process if it is a forked child. To be called when a plugin function has returned that ran as `job` with
  /// the handle of `scope`.
  @inline(__always)
  public static func endIfReturned(from job: JobPointer, in scope: ScopePointer) {
    if clinux_is_forked_child() { end(WorkLabel(job, in: scope)) }
  }

  /// The same for a hook of `scope`.
  @inline(__always)
  static func endIfReturned(from hook: WorkLabel.Kind, of scope: ScopePointer) {
    if clinux_is_forked_child() { end(WorkLabel(hook, of: scope)) }
  }

  /// The same for constructors and destructors that the loader has run for the library of `plugin`.
  public static func endIfReturned(fromLoading plugin: @autoclosure () -> String) {
    guard clinux_is_forked_child() else { return }
    end("a constructor or destructor", ["plugin": "\(plugin())", "fault": "plugin"])
  }

  @inline(never)
  private static func end(_ work: WorkLabel) -> Never { end(work.kind.phrase, work.fields) }

  /// Takes no lock of the host, writes no buffer of the parent and runs no exit function. An output without a reader or
  /// a lock of the C library may still block; the process ends after a second in any case.
  private static func end(_ place: String, _ fields: Logger.Metadata) -> Never {
    clinux_end_soon()
    let message =
      "a child that plugin code forked returned from \(place) into the host, so the host ended it; "
      + "a forked child must exec or _exit"
    let fields = fields.merging(["pid": "\(HostProcess.identifier)", "parent": "\(getppid())"]) { $1 }
    let line = LineLogHandler.line(.error, message, LogField.inOrder(fields), lineFormat)
    LineOutput.standardError.writeUnlocked(line)
    _exit(EXIT_FAILURE)
  }
}
