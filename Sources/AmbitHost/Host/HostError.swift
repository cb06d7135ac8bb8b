/// Why a command failed: lines for the operator, at least one.
package struct HostError: Error, Codable, Sendable, CustomStringConvertible {
  package let lines: [String]
  /// Nothing failed, but the host was told to stop.
  private(set) var isInterruption = false
  /// The exit status of the command: 1, or 78 (EX_CONFIG of sysexits.h) if the text of the configuration is at fault,
  /// when a restart does not help before somebody changes it.
  package private(set) var exitStatus: Int32 = 1
  /// Whether the text of the configuration is at fault.
  var isOfConfiguration: Bool { exitStatus == 78 }

  package init(_ lines: [String]) { self.lines = lines }

  init(_ error: some Error) { lines = "\(error)".split(separator: "\n").map(String.init) }

  /// The same error with one more line at its end, for a command that ends with status 1 whatever is at fault.
  package func adding(_ line: String) -> HostError {
    var error = HostError(lines + [line])
    error.isInterruption = isInterruption
    return error
  }

  /// The same error with further lines at its beginning.
  func preceded(by first: [String]) -> HostError {
    var error = HostError(first + lines)
    (error.exitStatus, error.isInterruption) = (exitStatus, isInterruption)
    return error
  }

  /// The same error with further lines at its end.
  func followed(by last: [String]) -> HostError {
    var error = HostError(lines + last)
    (error.exitStatus, error.isInterruption) = (exitStatus, isInterruption)
    return error
  }

  /// The configuration is invalid.
  static func configuration(_ error: some Error) -> HostError {
    var failure = HostError(error)
    failure.exitStatus = 78
    return failure
  }

  /// A value of the configuration cannot work.
  init(configuration line: String) { (lines, exitStatus) = ([line], 78) }

  static var interruption: HostError {
    var failure = HostError(["aborted because the host is stopping"])
    failure.isInterruption = true
    return failure
  }

  package var description: String { lines.joined(separator: "\n") }
}
