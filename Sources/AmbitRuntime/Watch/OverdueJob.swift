internal import AmbitCore
internal import Logging

/// How far a cancelled job has gone beyond its time.
enum Lateness: UInt8, Sendable, Comparable {
  case none
  /// It has not returned one second after the cancel.
  case late
  /// It has not returned when `cancel_grace` was over: it may never.
  case stuck

  static func < (one: Lateness, other: Lateness) -> Bool { one.rawValue < other.rawValue }
}

/// A job that was cancelled and has not returned in time: what a report says of it. Copies, taken on the job's loop; times
/// are in nanoseconds.
struct OverdueJob: Sendable {
  let work: WorkName
  let lateness: Lateness
  let cause: Cause
  let age: Int64
  let sinceCancel: Int64
  /// "waiting", and so on: see `JobState`.
  let state: String
  /// What it waits for; nil if it does not.
  let wait: WaitKind?
  /// Of its fiber; nil if it has none.
  let backtrace: Backtrace?
  /// By which the pool knows what its threads work for.
  let subject: UInt
  /// An address in the library of its plugin.
  let origin: UInt

  var message: String {
    switch lateness {
    case .none, .late: "a \(noun) has not returned 1 s after its cancel: it should, once a wait returns AMBIT_CANCELLED"
    case .stuck:
      "a \(noun) is stuck: it has not returned within cancel_grace of its cancel; "
        + "its scope and its generation stay in memory until it does"
    }
  }

  private var noun: String { work.kind == .handler ? "handler" : "job" }

  var fields: Logger.Metadata {
    var fields = work.fields
    fields["cause"] = "\(cause)"
    fields["age_ms"] = "\(age / 1_000_000)"
    fields["cancelled_ms"] = "\(sinceCancel / 1_000_000)"
    fields["state"] = "\(state)"
    if let wait { fields["waits_for"] = "\(wait.rawValue)" }
    if let backtrace { fields["stack"] = "\(backtrace.text)" }
    return fields
  }
}
