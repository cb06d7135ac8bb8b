internal import CLinux

/// The identifier of a request: "7f3a9c2e-5". Plugins, the log, crash reports, `ambit status` and the host's own
/// answers show the same text. It is made when it is shown.
public struct RequestID: Sendable, Equatable, CustomStringConvertible {
  /// Eight hexadecimal digits that are chosen at each start of the process, so that requests of different starts have
  /// different identifiers.
  static let prefix: String = {
    let digits = String(clinux_random(), radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }()

  /// The number of the request's scope.
  let number: UInt64

  public init(number: UInt64) { self.number = number }

  public var description: String { "\(Self.prefix)-\(number)" }
}
