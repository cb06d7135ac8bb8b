/// Why a command cannot do its work: lines for the operator, at least one.
package struct HostError: Error, Sendable, CustomStringConvertible {
  package let lines: [String]
  /// Nothing is wrong but that the host was told to stop meanwhile.
  private(set) var isInterruption = false
  /// What the command's process ends with: 1, or 78 (EX_CONFIG of sysexits.h) where the configuration is at fault, so that
  /// a supervisor need not try again.
  package private(set) var exitStatus: Int32 = 1

  package init(_ lines: [String]) { self.lines = lines }

  init(_ error: some Error) { lines = "\(error)".split(separator: "\n").map(String.init) }

  /// The configuration is invalid.
  static func configuration(_ error: some Error) -> HostError {
    var failure = HostError(error)
    failure.exitStatus = 78
    return failure
  }

  static var interruption: HostError {
    var failure = HostError(["given up, as the host is to stop"])
    failure.isInterruption = true
    return failure
  }

  package var description: String { lines.joined(separator: "\n") }
}
