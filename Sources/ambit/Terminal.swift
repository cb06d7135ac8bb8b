internal import AmbitHost

/// Output and exit of commands.
enum Terminal {
  /// Writes a line to standard error.
  static func note(_ line: String) { StandardStreams.writeError("\(line)\n") }

  /// Writes the error to standard error, and ends the command with its exit status.
  static func fail(_ error: HostError) -> Never {
    for line in error.lines { note("error: \(line)") }
    exit(error.exitStatus)
  }

  /// Writes what was printed, and ends the process.
  static func exit(_ code: Int32) -> Never { StandardStreams.exit(code) }
}
