internal import AmbitCore
internal import AmbitSystem

// Tickers: jobs that run their function at an interval. They have a stack only during a tick.

extension UnsafeMutablePointer<Job> {
  /// Makes the job, which has not run, a ticker that waits for its first tick.
  func startTicking(every interval: Int64) {
    pointee.ticks = TickSchedule(interval: interval, startingAt: Clock.monotonic)
    pointee.kind = pointee.loop.ticker
    rest()
  }

  /// Waits without a stack for the next tick. The timer, the scope's end or a cancel of the job makes it ready.
  private func rest() {
    let scope = pointee.scope
    scope.armDeadline()
    scope.waitersLink.append(waiterLink)
    pointee.loop.arm(waitTimer, at: pointee.ticks.due)
    pointee.state = .suspended
    pointee.waitKind = .tick
  }

  /// Waits for the next tick; ends the ticker instead if it was cancelled during this tick. A shield ends with its
  /// tick.
  func restAfterTick() {
    unshield()
    forgetFailure()
    pointee.ticks.advance(to: Clock.monotonic)
    rest()
    if isCancelled(in: pointee.scope) { wake(.cancelled) }
  }
}

/// Ends a tick, and with it the job unless the tick returned `AMBIT_OK`.
let finishTick: JobBody = { record in
  let job = record.assumingMemoryBound(to: Job.self)
  if job.pointee.traits.contains(.isOnce) { return job.endTickOnce() }
  if job.pointee.code == Status.ok.rawValue { job.restAfterTick() } else { finishPluginJob(record) }
}

/// When a ticker ticks: at multiples of its interval from its start, however long a tick takes.
struct TickSchedule {
  /// Nanoseconds between ticks, above 0.
  let interval: Int64
  /// When the next tick is due: monotonic nanoseconds; `Int64.max`: never.
  private(set) var due: Int64

  /// The schedule of a job that is no ticker.
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

  /// Moves on to the first tick after the present one that is not past at `now`. The ticks between are missed.
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
