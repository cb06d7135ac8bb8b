internal import AmbitSystem
internal import CAmbit
internal import CCrash
internal import CLinux
internal import Glibc
internal import Logging

/// Reports which code ends the process with exit(3), or one of the host's threads with pthread_exit(3), after which the
/// process ends, too. A worker reports it to its supervisor, another process in the log.
public enum ExitReport {
  /// Installs the report. To be called once, before plugins are loaded, so that their exit functions run first. The
  /// host itself ends with `HostProcess.exit`, which is not reported.
  public static func prepare() {
    on_exit({ status, _ in ExitReport.write(status) }, nil)
    SystemThread.onEarlyEnd {
      if let loop = LoopPointer.ofThisThread {
        ccrash_record_loop_exit("pthread_exit in a thread of the host", EXIT_FAILURE, loop)
      } else {
        ccrash_record_exit("pthread_exit in a thread of the host", EXIT_FAILURE)
      }
      endHost(forLossOfThreadBy: work)
    }
  }

  /// Ends the process, one of whose threads has ended in plugin code: an event loop would not turn any more, or a job
  /// would never return.
  private static func endHost(forLossOfThreadBy work: WorkLabel?) -> Never {
    if !ccrash_reports_to_supervisor() {
      let name = work.map { $0.isPlugin ? $0.phrase : nil } ?? nil
      Logger(label: "ambit").critical(
        """
        \(name ?? "code of a plugin") has ended a thread of the host (pthread_exit): the process ends, and all its \
        requests
        """,
        metadata: (work?.fields ?? [:]).merging([LogField.fault: "plugin"]) { $1 })
    }
    ClosedDescriptors.endHost()
  }

  /// The same for the thread of a loop, which has ended without a call of `pthread_exit`.
  static func endHost(forLossOf loop: LoopPointer, by work: WorkLabel) -> Never {
    ccrash_record_loop_exit("the end of a thread of the host", EXIT_FAILURE, loop)
    endHost(forLossOfThreadBy: work)
  }

  private static func write(_ status: Int32) {
    guard !ForkedChild.isCurrent else { return }
    if ccrash_reports_to_supervisor() {
      LineOutput.standardError.flush(within: timeToFlush)
      return ccrash_record_exit("exit", status)
    }
    let work = work
    let fault: Logger.Metadata = work?.isPlugin == true ? [LogField.fault: "plugin"] : [:]
    Logger(label: "ambit").critical(
      "code in the host's process called exit(\(status)): the process ends, and all its requests",
      metadata: (work?.fields ?? [:]).merging(fault) { $1 })
    LineOutput.standardError.flush(within: HostProcess.flushTimeout)
  }

  /// How long a worker waits for the reader of its last lines, in nanoseconds. Another one waits to take its place.
  private static let timeToFlush: Int64 = 25_000_000

  /// What the calling thread runs for a plugin; nil on a thread that the host does not know.
  private static var work: WorkLabel? {
    if let loop = LoopPointer.ofThisThread { return WorkLabel(observing: loop) }
    return JobPointer.ofThisThread.map { WorkLabel($0, in: $0.pointee.scope) }
  }
}
