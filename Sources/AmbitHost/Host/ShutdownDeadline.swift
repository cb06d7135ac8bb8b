internal import AmbitConfig
internal import AmbitCore
internal import AmbitSystem

/// When the steps of a stop end, whatever hangs: the drain, the grace of what was cancelled, and the process. All of
/// them run from the signal to stop. Monotonic nanoseconds.
struct ShutdownDeadline {
  /// How long the process may take for the rest: reports, clients of the admin API, the reader of the log.
  private static var rest: Int64 { 400_000_000 }
  /// How much later the signal thread ends a process whose control thread hangs.
  private static var reserve: Int64 { 30_000_000 }

  /// When requests that still run are cancelled.
  let drainEnd: Int64
  private let cancelGrace: Int64

  /// - Parameter signal: when the signal to stop arrived.
  init(since signal: Int64, drain: Duration, cancelGrace: Duration) {
    drainEnd = signal + drain.wholeNanoseconds
    self.cancelGrace = cancelGrace.wholeNanoseconds
  }

  /// When plugins are left behind that were cancelled at `time`.
  func graceEnd(from time: Int64) -> Int64 { min(time, drainEnd) + cancelGrace }

  /// When clients of the admin API that have not read their answer are left behind.
  var adminEnd: Int64 { drainEnd + cancelGrace + Self.rest / 2 }

  /// When workers that have not ended are killed.
  var killMoment: Int64 { drainEnd + cancelGrace + Self.rest * 3 / 4 }

  /// When the process has written its log and ends.
  var lastMoment: Int64 { drainEnd + cancelGrace + Self.rest }

  /// How long after the signal the process ends even if its control thread hangs.
  static func limit(drain: Duration, cancelGrace: Duration) -> Int64 {
    ShutdownDeadline(since: 0, drain: drain, cancelGrace: cancelGrace).lastMoment + reserve
  }
}

extension ShutdownDeadline {
  /// The deadline of a host that was told to stop, or else is told now. A host that does not serve yet has no requests,
  /// so it does not drain.
  init(of host: Host) {
    let drain = host.state.current.phase == .starting ? .zero : host.configuration.drainTimeout
    self.init(
      since: host.signals.terminatedAt ?? Clock.monotonic, drain: drain, cancelGrace: host.cancelGrace)
  }
}
