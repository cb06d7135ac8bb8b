internal import AmbitCore
internal import AmbitSystem
public import Logging
internal import Synchronization

/// Watches one loop: reports when it is blocked, by what, and when it runs again. Used on the watchdog's thread.
struct LoopStall {
  private let loop: EventLoop
  private let heartbeat: HeartbeatPointer
  private var watch: StallDetector
  /// The work that blocked the loop when the stall began.
  private var work: WorkLabel?
  /// The lateness that has been reported of the job that blocks the loop, in this stall.
  private var reported = Lateness.none

  init(of loop: EventLoop, limit: Int64) {
    self.loop = loop
    heartbeat = loop.record.pointee.heartbeat
    watch = StallDetector(limit: limit)
  }

  var isStalled: Bool { watch.stalledTurn != nil }

  private var turnBegan: Int64 { heartbeat.pointee.turnBegan.load(ordering: .relaxed) }

  /// Checks the loop once and logs changes; true if a stall has begun.
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
    let work = WorkLabel(observing: loop.record)
    let thread = heartbeat.pointee.thread.load(ordering: .relaxed)
    let sample = ThreadSample(ofThread: thread, origin: loop.originOfWork)
    let lock = work.isPlugin ? LockWait(of: loop.record, thread: thread) : nil
    // If the loop is in a later turn by now, the label and the sample are not those of the stall.
    let isSame = turnBegan == turn
    self.work = isSame ? work : nil
    let culprit = isSame ? " by \(work.phrase)\(lock?.phrase ?? "")" : ""
    var fields = isSame ? work.fields.merging(sample.fields) { $1 } : [:]
    fields["loop"] = "\(index)"
    fields["ms"] = "\((now - turn) / 1_000_000)"
    logger.warning("event loop blocked for \((now - turn) / 1_000_000) ms\(culprit)", metadata: fields)
    if sample.hasEnded { ExitReport.endHost(forLossOf: loop.record, by: work) }
  }

  private mutating func end(_ duration: Int64, _ logger: Logger) {
    var fields = work?.fields ?? [:]
    fields["loop"] = "\(index)"
    fields["ms"] = "\(duration / 1_000_000)"
    logger.warning("event loop runs again after \(duration / 1_000_000) ms", metadata: fields)
    work = nil
  }

  private var index: Int { loop.record.pointee.index }

  /// Reports a cancelled job that blocks its loop and is overdue: the loop itself cannot.
  private mutating func lookAtCancel(_ now: Int64, _ logger: Logger) {
    guard let job = CancelledJob(on: loop.record) else { return }
    let lateness = loop.record.lateness(since: job.endingSince, at: now)
    guard lateness > reported else { return }
    let sample = ThreadSample(
      ofThread: heartbeat.pointee.thread.load(ordering: .relaxed), origin: loop.originOfWork)
    let overdue = OverdueJob(
      work: WorkLabel(observing: loop.record), lateness: lateness, cause: job.cause, age: now - job.madeAt,
      sinceCancel: now - job.endingSince, state: sample.state, wait: nil, backtrace: nil, subject: 0, origin: 0)
    guard turnBegan == watch.stalledTurn else { return }
    reported = lateness
    let fields = overdue.fields.merging(sample.fields) { $1 }
    logger.log(level: lateness == .stuck ? .error : .warning, "\(overdue.message)", metadata: fields)
    let cancelled = Unchecked(job)
    loop.post { _ in cancelled.value.note(lateness) }
  }
}

/// A cancelled job that blocks its loop, as another thread sees it.
private struct CancelledJob {
  let job: JobPointer
  let scope: ScopePointer
  let id: UInt64
  let madeAt: Int64
  let cause: Cause
  let endingSince: Int64

  /// Nil if the loop is not blocked by a job of a plugin, or the job is not cancelled.
  init?(on loop: LoopPointer) {
    guard loop.pointee.hookScope == nil, let job = loop.pointee.current, let scope = job.observed(\.scope),
      let life = scope.observed(\.life), life.state == .cancelling, let id = scope.observed(\.id),
      let madeAt = job.observed(\.madeAt), let endingSince = scope.observed(\.endingSince),
      (scope.observed(\.generation) ?? nil) != nil
    else { return nil }
    self.job = job
    self.scope = scope
    self.id = id
    self.madeAt = madeAt
    cause = life.cause
    self.endingSince = endingSince
  }

  /// Counts the job as late, if it still exists. On the loop, in its next turn.
  func note(_ lateness: Lateness) {
    guard scope.observed(\.id) == id, scope.observed(\.life)?.state == .cancelling, job.observed(\.madeAt) == madeAt,
      job.observed(\.scope) == scope, job.observed(\.state) != .ended
    else { return }
    _ = job.noteLateness(lateness)
  }
}

/// Decides whether an event loop is blocked: one turn has gone on for too long. Told at each look what the loop's
/// heartbeat shows.
struct StallDetector {
  enum Change: Equatable {
    case none
    /// The present turn has gone on for too long.
    case began
    /// The turn that had gone on for too long is over; it took that many nanoseconds, or a little less.
    case ended(Int64)
  }

  /// How long a turn may take, in nanoseconds.
  let limit: Int64
  /// When the turn began that has gone on for too long; nil if none has.
  private(set) var stalledTurn: Int64?

  init(limit: Int64) { self.limit = limit }

  /// `turnBegan` is 0 while the loop sleeps.
  mutating func look(turnBegan: Int64, now: Int64) -> Change {
    if let stalledTurn {
      guard turnBegan != stalledTurn else { return .none }
      self.stalledTurn = nil
      return .ended((turnBegan == 0 ? now : turnBegan) - stalledTurn)
    }
    guard turnBegan != 0, now - turnBegan >= limit else { return .none }
    stalledTurn = turnBegan
    return .began
  }
}

/// An event loop that is blocked, and what blocks it.
public struct BlockedLoop: Sendable, CustomStringConvertible {
  let index: Int
  let work: WorkLabel

  public var description: String { "event loop \(index) is blocked by \(work.phrase)" }

  /// The generation whose code blocks it, "hello/3"; nil if it is the host's own work.
  public var plugin: String? { work.scope?.plugin }

  /// Names the work in a log line.
  public var fields: Logger.Metadata { work.fields.merging(["loop": "\(index)"]) { $1 } }
}

extension LoopGroup {
  /// The loops that do not answer within `timeout` nanoseconds, or before `isCancelled` returns true. From threads that
  /// may block.
  public func blockedLoops(within timeout: Int64, unless isCancelled: () -> Bool = { false }) -> [BlockedLoop] {
    let answering = Set(onEach(within: timeout, unless: isCancelled) { $0.pointee.index })
    return loops.filter { !answering.contains($0.record.pointee.index) }.map { loop in
      BlockedLoop(index: loop.record.pointee.index, work: WorkLabel(observing: loop.record))
    }
  }
}
