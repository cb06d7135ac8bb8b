internal import AmbitCore
internal import AmbitSystem
internal import Logging
internal import Synchronization

/// Whether one loop stalls, and what it does then. The watchdog's thread looks, while the loop goes on.
struct LoopStall {
  private let loop: EventLoop
  private let pulse: LoopPulsePointer
  private var watch: StallWatch
  /// What was found at work when the stall began.
  private var work: WorkName?
  /// How late the job at work has been reported to be, in this stall.
  private var reported = Lateness.none

  init(of loop: EventLoop, limit: Int64) {
    self.loop = loop
    pulse = loop.record.pointee.pulse
    watch = StallWatch(limit: limit)
  }

  var isStalled: Bool { watch.stalledTurn != nil }

  private var turnBegan: Int64 { pulse.pointee.turnBegan.load(ordering: .relaxed) }

  /// Looks once and writes what is new to the log; true if a stall was found that nobody knew of.
  mutating func look(_ logger: Logger) -> Bool {
    let now = Clock.monotonic
    switch watch.look(turnBegan: turnBegan, now: now) {
    case .none:
      if isStalled { lookAtCancel(now, logger) }
      return false
    case .began:
      begin(now, logger)
      return true
    case .ended(let duration):
      end(duration, logger)
      return false
    }
  }

  private mutating func begin(_ now: Int64, _ logger: Logger) {
    reported = .none
    let turn = watch.stalledTurn!
    let work = WorkName(observing: loop.record)
    let sighting = ThreadSighting(ofThread: pulse.pointee.thread.load(ordering: .relaxed), origin: origin)
    // What was seen of a later turn is not what held up this one.
    let isSame = turnBegan == turn
    self.work = isSame ? work : nil
    var fields = isSame ? work.fields.merging(sighting.fields) { $1 } : [:]
    fields["loop"] = "\(index)"
    fields["ms"] = "\((now - turn) / 1_000_000)"
    logger.warning("a loop does not turn: what runs on it blocks or computes", metadata: fields)
  }

  private mutating func end(_ duration: Int64, _ logger: Logger) {
    var fields = work?.fields ?? [:]
    fields["loop"] = "\(index)"
    fields["ms"] = "\(duration / 1_000_000)"
    logger.warning("a loop turns again", metadata: fields)
    work = nil
  }

  /// Where the code of the plugin at work lies; 0 if none is.
  private var origin: UInt {
    let scope = loop.record.pointee.hookScope ?? loop.record.pointee.current?.observed(\.scope)
    return (scope?.observed(\.generation) ?? nil)?.observed(\.imageAddress) ?? 0
  }

  private var index: Int { loop.record.pointee.index }

  /// A job that was cancelled and holds up its own loop is overdue like any other, and the loop cannot say so.
  private mutating func lookAtCancel(_ now: Int64, _ logger: Logger) {
    guard let job = CancelledJob(on: loop.record) else { return }
    let lateness = loop.record.lateness(since: job.endingSince, at: now)
    guard lateness > reported else { return }
    let sighting = ThreadSighting(ofThread: pulse.pointee.thread.load(ordering: .relaxed), origin: origin)
    let overdue = OverdueJob(
      work: WorkName(observing: loop.record), lateness: lateness, cause: job.cause, age: now - job.madeAt,
      sinceCancel: now - job.endingSince, state: sighting.state, wait: nil, backtrace: nil, subject: 0, origin: 0)
    guard turnBegan == watch.stalledTurn else { return }
    reported = lateness
    let fields = overdue.fields.merging(sighting.fields) { $1 }
    logger.log(level: lateness == .stuck ? .error : .warning, "\(overdue.message)", metadata: fields)
    let cancelled = Unchecked(job)
    loop.post { _ in cancelled.value.note(lateness) }
  }
}

/// A job that holds up its loop although it has been cancelled, as another thread sees it.
private struct CancelledJob {
  let job: JobPointer
  let scope: ScopePointer
  let id: UInt64
  let madeAt: Int64
  let cause: Cause
  let endingSince: Int64

  /// nil if what holds up the loop is no job of a plugin, or is not cancelled.
  init?(on loop: LoopPointer) {
    guard loop.pointee.hookScope == nil, let job = loop.pointee.current, let scope = job.observed(\.scope),
      scope.observed(\.state) == .cancelling, let id = scope.observed(\.id), let madeAt = job.observed(\.madeAt),
      let cause = scope.observed(\.cause), let endingSince = scope.observed(\.endingSince),
      (scope.observed(\.generation) ?? nil) != nil
    else { return nil }
    self.job = job
    self.scope = scope
    self.id = id
    self.madeAt = madeAt
    self.cause = cause
    self.endingSince = endingSince
  }

  /// On the loop, in its next turn: counts the job if it is still there.
  func note(_ lateness: Lateness) {
    guard scope.observed(\.id) == id, scope.observed(\.state) == .cancelling, job.observed(\.madeAt) == madeAt,
      job.observed(\.scope) == scope, job.observed(\.state) != .ended
    else { return }
    _ = job.noteLateness(lateness)
  }
}
