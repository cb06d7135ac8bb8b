internal import AmbitHost

/// How commands speak to the operator, and how they end.
enum Terminal {
  /// A line on standard error.
  static func note(_ line: String) { StandardStreams.writeError("\(line)\n") }

  /// Ends the command, with what went wrong on standard error and its exit status.
  static func fail(_ failure: HostError) -> Never {
    for line in failure.lines { note("error: \(line)") }
    exit(failure.exitStatus)
  }

  /// Ends the process once its output is written.
  static func exit(_ code: Int32) -> Never { StandardStreams.exit(code) }
}
