internal import AmbitConfig
internal import AmbitRuntime
internal import Logging

/// Where log lines go, decided once for the process.
enum LogOutput {
  /// Lets all loggers write to standard error as the configuration says. Once, before the first line.
  static func start(_ configuration: HostConfiguration.Log) {
    let level = Logger.Level(rawValue: configuration.level.rawValue) ?? .info
    let format: LineLogHandler.Format =
      switch configuration.format {
      case .text: .text
      case .json: .json
      }
    LoggingSystem.bootstrap { _ in LineLogHandler(level: level, format: format) }
  }
}
