internal import AmbitSystem

/// The threads of the pool that one generation may use at a time, and its work that waits for one of them, first come,
/// first served. Such work is not in the pool's queue, so it keeps nobody else waiting.
///
/// Guarded by the lock of the pool.
public final class ThreadShare: @unchecked Sendable {
  let owner: LimitOwner
  /// nil: as many threads as the pool has.
  var limit: Int?
  /// How much of its work threads run, or has been admitted to the pool's queue; at most `limit`.
  var admitted = 0
  /// How much of its work threads run.
  var running = 0
  /// Work that is not admitted.
  var waiting = WorkQueue()
  var episode = LimitEpisode()
  var starvation = PoolStarvation()
  /// A series of refusals has begun, and the log does not say so yet.
  var isReportDue = false
  /// It is in the pool's list of shares to watch.
  var isWatched = false

  init(_ owner: LimitOwner, _ limit: Int?) { (self.owner, self.limit) = (owner, limit) }

  var isFull: Bool { limit.map { admitted >= $0 } ?? false }
}

/// What the watchdog has to log about the threads of one generation.
struct ThreadShareNews {
  let owner: LimitOwner
  let limit: Int
  let waiting: Int
  /// A series of refusals has begun.
  let hasBegun: Bool
  let starvation: PoolStarvation.News?
  let end: LimitEpisode.End?
}

extension ThreadPool {
  /// Admits a job to the queue, or has it wait while its generation uses all the threads that it may use. Under the
  /// lock.
  func enqueue(_ job: PoolWork) {
    guard let share = job.share else { return queue(job) }
    guard share.isFull else {
      share.admitted += 1
      return queue(job)
    }
    if share.waiting.count == 0 { share.starvation.lastMove = Clock.monotonic }
    job.isHeldBack = true
    share.waiting.append(job)
    watch(share)
  }

  /// Why a job is refused now that would have to wait for a thread of its generation; nil if it may wait. Under the
  /// lock.
  func refusal(in share: ThreadShare) -> PoolError? {
    guard let limit = share.limit, share.waiting.count >= limits.queue else { return nil }
    if share.episode.refuse(at: Clock.monotonic) { share.isReportDue = true }
    watch(share)
    return .pluginFull(.init(plugin: share.owner.plugin, threads: limit, queue: limits.queue))
  }

  /// An admitted job has ended or was withdrawn: admits the next ones. Under the lock.
  func giveBack(_ share: ThreadShare) {
    share.admitted -= 1
    admitWaiting(of: share)
  }

  @discardableResult
  private func admitWaiting(of share: ThreadShare) -> Int {
    var count = 0
    while !share.isFull, let job = share.waiting.popFirst() {
      job.isHeldBack = false
      share.admitted += 1
      share.starvation.lastMove = Clock.monotonic
      queue(job)
      count += 1
    }
    return count
  }

  /// Takes a job that no thread runs out of the queue that it is in; false if a thread has taken it. Under the lock.
  func takeBack(_ job: PoolWork) -> Bool {
    guard let share = job.share else { return jobs.withdraw(job) }
    if job.isHeldBack { return share.waiting.withdraw(job) }
    guard jobs.withdraw(job) else { return false }
    giveBack(share)
    return true
  }

  /// Uses another limit from now on; nil: none. Work that runs goes on. From any thread; does not wait.
  func setLimit(of share: ThreadShare, to limit: Int?) {
    let woken: [PoolThread] = withLock {
      share.limit = limit
      return (0..<admitWaiting(of: share)).compactMap { _ in assignNext() }
    }
    for thread in woken { thread.wakeup.notify() }
  }

  /// What a generation uses of the pool at the moment. From any thread.
  func report(on share: ThreadShare) -> LimitReport {
    withLock {
      let limit = share.limit.map { min($0, limits.threads) } ?? limits.threads
      var report = LimitReport(used: share.running, limit: limit, refused: share.episode.total)
      report.waiting = share.waiting.count
      return report
    }
  }

  private func watch(_ share: ThreadShare) {
    guard !share.isWatched else { return }
    share.isWatched = true
    watchedShares.append(share)
  }

  /// What there is to log about generations at their limit of threads. For the watchdog.
  func shareNews(at now: Int64) -> [ThreadShareNews] {
    withLock {
      let news = watchedShares.compactMap { share -> ThreadShareNews? in
        let starvation = share.starvation.news(waiting: share.waiting.count, at: now)
        let end = share.episode.end(at: now)
        defer { share.isReportDue = false }
        guard share.isReportDue || starvation != nil || end != nil else { return nil }
        return ThreadShareNews(
          owner: share.owner, limit: share.limit ?? limits.threads, waiting: share.waiting.count,
          hasBegun: share.isReportDue, starvation: starvation, end: end)
      }
      watchedShares.removeAll { share in
        share.isWatched = share.waiting.count > 0 || share.episode.isUnderWay
        return !share.isWatched
      }
      return news
    }
  }
}
