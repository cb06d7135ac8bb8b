internal import AmbitHTTP
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging

/// The command that the host runs its own binary with, as the child process of dry runs: see `DryRun`.
package enum DryRunCommand {
  /// Serves, in a child of this process, the requests that the host sends over the connection it has passed to this
  /// process. Returns, in that child, when the host closes the connection.
  package static func run() {
    Subreaper.forkChild()
    // Without it the host knows the signal of a crash, but not the place.
    try? CrashReport.prepare(.dryRun)
    let child = DryRunChild()
    guard let table = try? HTTPCalls.makeTable(), let limits = child.begin() else { return }
    LoggingSystem.bootstrap { _ in
      RelayLogHandler(level: Logger.Level(rawValue: limits.logLevel) ?? .info) { child.relay($0) }
    }
    do throws(SystemError) {
      try MainThread.serve(isForked: true, codeReturned: ForkedChild.endIfReturnedFromMainQueue) {
        child.run(limits, table: table)
      }
    } catch {
      child.reportInability(error, limits)
    }
  }
}
