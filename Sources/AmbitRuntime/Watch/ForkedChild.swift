public import AmbitSystem
internal import CFiber
internal import CLinux
internal import Glibc
internal import Logging

/// What becomes of a process that plugin code makes with fork(2).
///
/// It has a copy of the host's memory and the one thread that called fork. It may exec a program or `_exit`: that needs
/// nothing of the host. It cannot serve: the loops' epoll instances and the clients' connections are the parent's, and
/// other threads' locks may be held for ever. So the host's descriptors are closed in it, its calls of ambit.h return
/// `AMBIT_WRONG_THREAD`, and if plugin code returns into the host there, the process ends.
public enum ForkedChild {
  /// Prepares the process for plugin code that forks. Before any is loaded; again has no effect.
  static func watch() { _ = isWatched }

  private static let isWatched: Bool = {
    let signals = Signals.numbers.reduce(UInt64(0)) { $0 | 1 << UInt64($1) }
    // Its calls find that they are made on a thread that has nothing to do with a loop.
    return clinux_watch_forks(signals) {
      cfiber_set_loop(nil)
      cfiber_set_guest(nil)
    } == 0
  }()

  /// Whether the calling process is one. In such a process no lock of the host's may be taken.
  @inline(__always)
  static var isCurrent: Bool { clinux_is_forked_child() }

  /// How the line about the end of a forked child is written; text unless this was called. Before any plugin is loaded.
  public static func writeLines(as format: LineLogHandler.Format) { lineFormat = format }

  private nonisolated(unsafe) static var lineFormat = LineLogHandler.Format.text

  /// To be called when a function of a plugin has returned that ran as `job` with the handle of `scope`: ends the
  /// process if it is a forked child.
  @inline(__always)
  public static func endIfReturned(from job: JobPointer, in scope: ScopePointer) {
    if clinux_is_forked_child() { end(WorkName(job, in: scope)) }
  }

  /// The same for a hook of `scope`.
  @inline(__always)
  static func endIfReturned(from hook: WorkName.Kind, of scope: ScopePointer) {
    if clinux_is_forked_child() { end(WorkName(hook, of: scope)) }
  }

  /// The same for what the loader has run of the library of `plugin`.
  public static func endIfReturned(fromLoading plugin: @autoclosure () -> String) {
    guard clinux_is_forked_child() else { return }
    end("a constructor or destructor", ["plugin": "\(plugin())", "fault": "plugin"])
  }

  @inline(never)
  private static func end(_ work: WorkName) -> Never { end(work.kind.phrase, work.fields) }

  /// No lock is taken here, nothing of the parent's buffers is written, and no exit function runs. What else may wait, an
  /// output that nobody reads or a lock of the C library, is given a second.
  private static func end(_ place: String, _ fields: Logger.Metadata) -> Never {
    clinux_end_soon()
    let message =
      "a process that plugin code forked has returned from \(place) into the host, and was ended; "
      + "a forked child must exec or _exit"
    let fields = fields.merging(["pid": "\(HostProcess.identifier)", "parent": "\(getppid())"]) { $1 }
    let line = LineLogHandler.line(.error, message, LogField.inOrder(fields), lineFormat)
    LineOutput.standardError.writeUnlocked(line)
    _exit(EXIT_FAILURE)
  }
}
