internal import AmbitConfig
internal import AmbitRuntime
internal import Logging

/// Where log lines go, decided once for the process.
enum LogOutput {
  /// Lets all loggers write to standard error as the configuration says. Once, before the first line. `waits` says that
  /// who logs waits for the reader: in a command, which nothing but its output is asked of.
  static func start(_ configuration: HostConfiguration.Log, waits: Bool) {
    let level = Logger.Level(rawValue: configuration.level.rawValue) ?? .info
    let format: LineLogHandler.Format =
      switch configuration.format {
      case .text: .text
      case .json: .json
      }
    let handler = LineLogHandler(level: level, format: format)
    LoggingSystem.bootstrap { _ in handler }
    ForkedChild.writeLines(as: format)
    guard !waits else { return }
    HostProcess.keepStandardError()
    LineOutput.standardError.stopWaiting(lossLine: handler.lossLine)
  }
}
