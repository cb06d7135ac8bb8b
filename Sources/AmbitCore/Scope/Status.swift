/// What a call of the plugin ABI returns: `ambit_status` in `ambit.h`, where each value is explained.
package struct Status: RawRepresentable, Equatable, Sendable, BitwiseCopyable {
  package let rawValue: Int32

  @inlinable
  package init(rawValue: Int32) { self.rawValue = rawValue }

  /// Compared as the number it is, not through the protocols it conforms to.
  @inlinable
  package static func == (one: Status, other: Status) -> Bool { one.rawValue == other.rawValue }

  @inlinable
  package static func != (one: Status, other: Status) -> Bool { one.rawValue != other.rawValue }

  package static var ok: Status { Status(rawValue: 0) }
  package static var pending: Status { Status(rawValue: 1) }
  package static var cancelled: Status { Status(rawValue: -1) }
  package static var timedOut: Status { Status(rawValue: -2) }
  package static var closed: Status { Status(rawValue: -3) }
  package static var invalid: Status { Status(rawValue: -4) }
  package static var limit: Status { Status(rawValue: -5) }
  package static var noMemory: Status { Status(rawValue: -6) }
  package static var wrongState: Status { Status(rawValue: -7) }
  package static var wrongThread: Status { Status(rawValue: -8) }
  package static var unsupported: Status { Status(rawValue: -9) }
  package static var failed: Status { Status(rawValue: -10) }
}

extension Status: CustomStringConvertible {
  /// The name it has in `ambit.h`, without the prefix; the number if it has none.
  package var description: String {
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
    default: String(rawValue)
    }
  }
}
