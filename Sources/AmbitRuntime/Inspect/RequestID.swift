internal import CLinux

/// The identifier of a request: "7f3a9c2e-5". Plugins, the log, crash reports, `ambit status` and the host's own
/// answers show the same text. It is made when it is shown.
public struct RequestID: Codable, Sendable, Equatable, CustomStringConvertible {
  /// A number that is chosen at each start of the process, so that requests of different processes have different
  /// identifiers.
  private static let ownStart = clinux_random()

  /// The first part of the identifiers of this process: eight hexadecimal digits.
  static var prefix: String { text(of: ownStart) }

  /// `ownStart` of the process that serves the request: another process may show the identifier.
  private let start: UInt32
  /// The number of the request's scope.
  let number: UInt64

  /// A request of this process.
  public init(number: UInt64) { (start, self.number) = (Self.ownStart, number) }

  public var description: String { "\(Self.text(of: start))-\(number)" }

  private static func text(of start: UInt32) -> String {
    let digits = String(start, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }
}
