/// Why a command cannot do its work: lines for the operator, at least one.
package struct HostFailure: Error, Sendable, CustomStringConvertible {
  package let lines: [String]

  package init(_ lines: [String]) { self.lines = lines }

  init(_ error: some Error) { lines = "\(error)".split(separator: "\n").map(String.init) }

  package var description: String { lines.joined(separator: "\n") }
}
