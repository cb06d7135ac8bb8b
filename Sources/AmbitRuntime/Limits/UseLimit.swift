internal import AmbitCore
internal import AmbitSystem
internal import Synchronization

/// The limit of one resource that one generation may use on all loops of the worker together.
///
/// While at most half of the limit is in use, each loop may use an equal share of the other half without asking. So
/// the shares never lead above the limit. Beyond its share a loop asks here, under a lock. When more than half is in
/// use, the shares are withdrawn, and every loop asks each time, which makes the limit exact.
///
/// Its functions may be called from any thread.
public final class UseLimit: Sendable {
  private struct State {
    var limit: Int
    /// The loops have no shares: each asks for everything it takes.
    var isTight = false
    /// The share of each loop.
    var allowance = 0
    /// Taken by other threads, and not yet counted by a loop.
    var takenElsewhere = 0
    var episode = LimitEpisode()
  }

  let owner: LimitOwner
  /// Keeps the counts.
  private let record: UseRecord
  /// One for each loop.
  private let counters: [UseCounter]
  private let watch: LimitWatch?
  private let state: Mutex<State>

  /// - Parameter index: which of the counts of each loop in `record` it limits; it initialises these.
  init(_ owner: LimitOwner, _ limit: Int, _ record: UseRecord, count index: Int, watch: LimitWatch?) {
    (self.owner, self.record, self.watch) = (owner, record, watch)
    counters = record.loops.map { UseCounter(count: $0.counts + index) }
    state = Mutex(State(limit: limit))
    for counter in counters {
      counter.count.initialize(to: LoopUse.Count(limit: .passUnretained(self)))
    }
    state.withLock { share(&$0, total: 0) }
  }

  /// Takes `amount` for the loop of `counter`, unless that would be above the limit. On that loop.
  func take(_ amount: Int, for counter: UseCounter) -> Bool {
    take(amount) { _ in counter.add(amount) }
  }

  /// Takes one for another thread, until a loop has counted it or nobody will: see `returnTaken`.
  func takeElsewhere() -> Bool { take(1) { $0.takenElsewhere += 1 } }

  /// Ends what `takeElsewhere` began.
  func returnTaken() { state.withLock { $0.takenElsewhere -= 1 } }

  private func take(_ amount: Int, _ count: (inout State) -> Void) -> Bool {
    let refusal: (limit: Int, isFirst: Bool, free: Int)? = state.withLock { state in
      let total = total(state)
      if amount <= state.limit - total {
        count(&state)
        share(&state, total: total + amount)
        return nil
      }
      share(&state, total: total)
      return (state.limit, state.episode.refuse(at: Clock.monotonic), max(state.limit - total, 0))
    }
    guard let refusal else { return true }
    if refusal.isFirst {
      let note = owner.resource == .alloc ? " (\(amount.asBytes) wanted, \(refusal.free.asBytes) free)" : ""
      owner.reportBegin(limit: refusal.limit, note: note)
      watch?.add(self)
    }
    return false
  }

  /// Uses another limit from now on, at which refusals are a new series. What is in use stays in use, even if it is more.
  func set(_ limit: Int) {
    let (before, end) = state.withLock { state in
      let before = state.limit
      state.limit = limit
      share(&state, total: total(state))
      return (before, before == limit ? nil : state.episode.end())
    }
    if let end { owner.report(end, limit: before, next: limit) }
  }

  private func total(_ state: State) -> Int {
    counters.reduce(state.takenElsewhere) { $0 + max($1.used, 0) }
  }

  /// Gives the loops their shares, or withdraws them, if that has to change.
  private func share(_ state: inout State, total: Int) {
    state.isTight = total > (state.isTight ? state.limit / 4 : state.limit / 2)
    let allowance = state.isTight ? 0 : state.limit / (2 * max(counters.count, 1))
    guard allowance != state.allowance else { return }
    state.allowance = allowance
    for counter in counters { counter.count.pointee.allowance.store(allowance, ordering: .relaxed) }
  }

  /// What is in use, and the limit.
  var report: LimitReport {
    state.withLock { state in
      LimitReport(used: total(state), limit: state.limit == .max ? nil : state.limit, refused: state.episode.total)
    }
  }

  /// Why something is refused: "plugin hello has reached its limit of 100 requests in flight".
  var refusal: String {
    "plugin \(owner.plugin) has reached its limit of \(owner.text(state.withLock { $0.limit }))"
  }

  /// Logs the end of the refusals if there was none for a while. False if there may be more to log later.
  fileprivate func reportEnd(at now: Int64) -> Bool {
    let (end, limit, isUnderWay) = state.withLock { ($0.episode.end(at: now), $0.limit, $0.episode.isUnderWay) }
    if let end { owner.report(end, limit: limit) }
    return !isUnderWay
  }
}

/// The use of a resource at one moment: a copy.
public struct LimitReport: Codable, Sendable, Equatable {
  public internal(set) var used: Int
  /// nil: no limit.
  public internal(set) var limit: Int?
  /// How often something was refused since the generation was loaded.
  public internal(set) var refused: Int
  /// What waits to use it. Only work for threads does.
  public internal(set) var waiting = 0

  /// The same in different workers, together.
  public static func + (one: LimitReport, other: LimitReport) -> LimitReport {
    var sum = one
    sum.used &+= other.used
    sum.limit = one.limit.flatMap { limit in other.limit.map { limit &+ $0 } }
    sum.refused &+= other.refused
    sum.waiting &+= other.waiting
    return sum
  }
}

/// The limits at which something was refused lately, for the watchdog, which logs when that is over.
public final class LimitWatch: Sendable {
  private let limits = Mutex<[UseLimit]>([])

  init() {}

  /// Adds a limit at which a series of refusals begins. From any thread.
  fileprivate func add(_ limit: UseLimit) { limits.withLock { $0.append(limit) } }

  /// Logs which series of refusals are over. For the watchdog.
  func look(at now: Int64) {
    let watched = limits.withLock { $0 }
    let over = watched.filter { $0.reportEnd(at: now) }
    guard !over.isEmpty else { return }
    limits.withLock { limits in limits.removeAll { limit in over.contains { $0 === limit } } }
  }
}
