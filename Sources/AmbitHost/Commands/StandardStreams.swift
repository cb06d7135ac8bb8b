internal import AmbitConfig
internal import AmbitCore
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging

/// The standard streams and the exit of the process, for commands.
package enum StandardStreams {
  /// Opens the streams that the process was started without, makes writing to a full file an error instead of a signal,
  /// and lets the end of a child process be known. Call it before anything else.
  package static func open() {
    HostProcess.openStandardStreams()
    HostProcess.surviveFileSizeLimit()
    HostProcess.noticeChildren()
  }

  /// The arguments of the command, also if /proc is not mounted. Notes the path of the program and the working
  /// directory as well, so call it before anything changes the directory.
  package static var arguments: [String] {
    _ = HostProcess.startedAs
    _ = Paths.startFolder
    return HostProcess.arguments
  }

  /// Writes to standard output, at once. If the reader is gone, as `head` is after some lines, ends the process without
  /// a word, also if it ignores the signal for that.
  /// - Throws: why not all of the text could be written: a full disk, a closed descriptor.
  package static func write(_ text: String) throws(HostError) {
    do throws(SystemError) { try StandardOutput.write(text) } catch {
      if error.isOfClosedPipe { HostProcess.exit(141) }
      throw HostError(error)
    }
  }

  /// Writes to standard error.
  package static func writeError(_ text: String) { LineOutput.standardError.write(text) }

  /// Ends the process. Exit functions of plugins do not run. The status of a command is 1 in place of 0 if what it had
  /// to say on standard error could not be written.
  package static func exit(_ code: Int32) -> Never {
    let output = LineOutput.standardError
    HostProcess.exit(code == 0 && output.isBlocking && output.hasLostLines ? 1 : code)
  }
}

extension String {
  /// The text on one line, with control characters escaped, so that no name of a file controls the terminal.
  package var forTerminal: String { printable }
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
  /// - Parameter worker: the number of the worker that this process is, which each line names; nil: none does.
  static func start(_ configuration: HostConfiguration.Log, waits: Bool, worker: Int? = nil) {
    use(configuration.level)
    let format: LineLogHandler.Format =
      switch configuration.format {
      case .text: .text
      case .json: .json
      }
    var handler = LineLogHandler(threshold: threshold, format: format)
    if let worker { handler.metadata["worker"] = "\(worker)" }
    LoggingSystem.bootstrap { [handler] _ in handler }
    guard !waits else { return }
    HostProcess.keepStandardError()
    LineOutput.standardError.makeNonBlocking(lossLine: handler.lossLine)
  }

  private static let threshold = LogThreshold(.info)

  /// Makes all loggers write lines of this level and above from now on.
  static func use(_ level: HostConfiguration.Log.Level) {
    threshold.level = Logger.Level(rawValue: level.rawValue) ?? .info
  }
}
