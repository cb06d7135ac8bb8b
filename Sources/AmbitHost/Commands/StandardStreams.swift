internal import AmbitConfig
internal import AmbitCore
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging

/// The standard streams and the exit of the process, for commands.
package enum StandardStreams {
  /// Opens the streams that the process was started without, and makes writing to a full file an error instead of a
  /// signal. Call it before anything else.
  package static func open() {
    HostProcess.openStandardStreams()
    HostProcess.surviveFileSizeLimit()
  }

  /// The arguments of the command, also if /proc is not mounted. Notes the path of the program as well, so call it
  /// before anything changes the working directory.
  package static var arguments: [String] {
    _ = HostProcess.startedAs
    return HostProcess.arguments
  }

  /// Writes to standard error.
  package static func writeError(_ text: String) { LineOutput.standardError.write(text) }

  /// Writes what was printed, and ends the process. Exit functions of plugins do not run.
  package static func exit(_ code: Int32) -> Never { HostProcess.exit(code) }
}

/// The output of `ambit --version`.
package enum AmbitVersionText {
  package static var line: String { "ambit \(AmbitVersion.text)" }
}

/// The log of the process.
enum LogOutput {
  /// Makes all loggers write to standard error as the configuration says. Call it once, before the first line.
  /// - Parameter waits: whether logging waits for a slow reader: in commands. A host never waits, and drops lines
  ///   instead.
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
    LineOutput.standardError.makeNonBlocking(lossLine: handler.lossLine)
  }
}
