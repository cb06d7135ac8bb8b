internal import AmbitSystem
internal import Glibc
internal import Logging

/// Names who ends the process by exit(3): the host would be gone without a word.
public enum ExitReport {
  /// Has such an end logged. Once, before plugins are loaded, so that what they register for the exit runs first. The host
  /// itself ends in another way: `HostProcess.exit`.
  public static func prepare() {
    on_exit({ status, _ in ExitReport.write(status) }, nil)
  }

  private static func write(_ status: Int32) {
    guard !ForkedChild.isCurrent else { return }
    Logger(label: "ambit").critical(
      "code in the process of the host called exit(\(status)): the host ends, and all requests with it",
      metadata: work?.fields ?? [:])
    LineOutput.standardError.flush(within: HostProcess.readerGrace)
  }

  /// What the calling thread runs for a plugin; nil on a thread of which the host knows nothing.
  private static var work: WorkName? {
    if let loop = LoopPointer.ofThisThread { return WorkName(observing: loop) }
    return CallSite.job.map { WorkName($0, in: $0.pointee.scope) }
  }
}
