/// When a ticker ticks: at multiples of its interval, counted from its start, however long a tick takes.
struct TickSchedule {
  /// Nanoseconds between ticks, above 0.
  let interval: Int64
  /// When the next tick is due: monotonic nanoseconds; `Int64.max`: never.
  private(set) var due: Int64

  /// The schedule of what is no ticker.
  static var none: TickSchedule { TickSchedule() }

  private init() {
    interval = 0
    due = .max
  }

  /// The schedule of a ticker that starts at `now`: its first tick is due after one interval.
  init(interval: Int64, startingAt now: Int64) {
    self.interval = interval
    due = now
    advance(by: interval)
  }

  /// Moves on to the first tick after the present one that `now` has not passed; those between were missed.
  mutating func advance(to now: Int64) {
    advance(by: interval)
    guard due < now else { return }
    let behind = (now - due - 1) / interval + 1
    let (time, overflow) = behind.multipliedReportingOverflow(by: interval)
    advance(by: overflow ? .max : time)
  }

  private mutating func advance(by time: Int64) {
    let (sum, overflow) = due.addingReportingOverflow(time)
    due = overflow ? .max : sum
  }
}
