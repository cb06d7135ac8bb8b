/// Why a command cannot do its work: lines for the operator, at least one.
package struct HostFailure: Error, Sendable, CustomStringConvertible {
  package let lines: [String]
  /// Nothing is wrong but that the host was told to stop meanwhile.
  private(set) var isInterruption = false

  package init(_ lines: [String]) { self.lines = lines }

  init(_ error: some Error) { lines = "\(error)".split(separator: "\n").map(String.init) }

  static var interruption: HostFailure {
    var failure = HostFailure(["given up, as the host is to stop"])
    failure.isInterruption = true
    return failure
  }

  package var description: String { lines.joined(separator: "\n") }
}
