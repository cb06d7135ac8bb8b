/// What a call of the plugin ABI returns: `ambit_status` in `ambit.h`, where each value is explained.
public struct Status: RawRepresentable, Equatable, Sendable, BitwiseCopyable {
  public let rawValue: Int32

  public init(rawValue: Int32) { self.rawValue = rawValue }

  public static var ok: Status { Status(rawValue: 0) }
  public static var pending: Status { Status(rawValue: 1) }
  public static var cancelled: Status { Status(rawValue: -1) }
  public static var timedOut: Status { Status(rawValue: -2) }
  public static var closed: Status { Status(rawValue: -3) }
  public static var invalid: Status { Status(rawValue: -4) }
  public static var limit: Status { Status(rawValue: -5) }
  public static var noMemory: Status { Status(rawValue: -6) }
  public static var wrongState: Status { Status(rawValue: -7) }
  public static var wrongThread: Status { Status(rawValue: -8) }
  public static var unsupported: Status { Status(rawValue: -9) }
  public static var failed: Status { Status(rawValue: -10) }
  public static var badRequest: Status { Status(rawValue: -11) }
  public static var notFound: Status { Status(rawValue: -12) }
}

extension Status: CustomStringConvertible {
  /// Whether `ambit.h` has a constant for it.
  public var isKnown: Bool { name != nil }

  /// The constant of `ambit.h`: "AMBIT_FAILED"; the number if there is none.
  public var constant: String { name.map { "AMBIT_\($0)" } ?? String(rawValue) }

  /// The constant without its prefix: "FAILED"; the number if there is none.
  public var description: String { name ?? String(rawValue) }

  private var name: String? {
    switch self {
    case .ok: "OK"
    case .pending: "PENDING"
    case .cancelled: "CANCELLED"
    case .timedOut: "TIMED_OUT"
    case .closed: "CLOSED"
    case .invalid: "INVALID"
    case .limit: "LIMIT"
    case .noMemory: "NO_MEMORY"
    case .wrongState: "WRONG_STATE"
    case .wrongThread: "WRONG_THREAD"
    case .unsupported: "UNSUPPORTED"
    case .failed: "FAILED"
    case .badRequest: "BAD_REQUEST"
    case .notFound: "NOT_FOUND"
    default: nil
    }
  }
}
