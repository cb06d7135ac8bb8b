internal import AmbitSystem
internal import Glibc
internal import Logging

/// Logs which code ends the process with exit(3). Without this report the host would be gone without a word.
public enum ExitReport {
  /// Installs the report. To be called once, before plugins are loaded, so that their exit functions run first. The
  /// host itself ends with `HostProcess.exit`, which is not reported.
  public static func prepare() {
    on_exit({ status, _ in ExitReport.write(status) }, nil)
  }

  private static func write(_ status: Int32) {
    guard !ForkedChild.isCurrent else { return }
    Logger(label: "ambit").critical(
      "code in the host's process called exit(\(status)): the host ends, and all requests with it",
      metadata: work?.fields ?? [:])
    LineOutput.standardError.flush(within: HostProcess.flushTimeout)
  }

  /// What the calling thread runs for a plugin; nil on a thread that the host does not know.
  private static var work: WorkLabel? {
    if let loop = LoopPointer.ofThisThread { return WorkLabel(observing: loop) }
    return JobPointer.ofThisThread.map { WorkLabel($0, in: $0.pointee.scope) }
  }
}
