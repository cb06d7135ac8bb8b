internal import AmbitConfig
internal import AmbitCore
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging

/// The process's standard streams and its end, for commands.
package enum StandardStreams {
  /// Opens those that the process was started without, and has a full file be an error of what is written to it. First
  /// of all.
  package static func open() {
    HostProcess.openStandardStreams()
    HostProcess.surviveFileSizeLimit()
  }

  /// The words behind the command's name, also where /proc is not mounted. Notes where the program lies, too, which has
  /// to be done before anything changes the working directory.
  package static var arguments: [String] {
    _ = HostProcess.startedAs
    return HostProcess.arguments
  }

  /// Writes to standard error.
  package static func writeError(_ text: String) { LineOutput.standardError.write(text) }

  /// Ends the process once what was printed is written. Exit functions of plugins do not run.
  package static func exit(_ code: Int32) -> Never { HostProcess.exit(code) }
}

/// What `ambit --version` prints.
package enum AmbitVersionText {
  package static var line: String { "ambit \(AmbitVersion.text)" }
}

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
    LineOutput.standardError.makeNonBlocking(lossLine: handler.lossLine)
  }
}
