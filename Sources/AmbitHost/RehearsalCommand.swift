internal import AmbitHTTP
internal import AmbitPlugins
internal import AmbitRuntime
internal import Logging

/// What the host runs itself as to rehearse plugins: see `Rehearsal`.
package enum RehearsalCommand {
  /// Does, in a child of this process, what the host orders over the connection that it started this process with.
  /// Returns, there, when that is closed.
  package static func run() {
    RehearsalKeeper.divide()
    // Without it the host knows by which signal the process has ended, and not where.
    try? CrashReport.prepare(.dryRun)
    let stage = RehearsalStage()
    guard let table = try? HTTPCalls.makeTable() else { return }
    stage.run(table: table) { level in
      LoggingSystem.bootstrap { _ in
        RelayLogHandler(level: Logger.Level(rawValue: level) ?? .info) { stage.relay($0) }
      }
    }
  }
}
