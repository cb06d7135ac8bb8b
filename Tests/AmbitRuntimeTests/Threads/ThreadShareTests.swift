import AmbitCore
import AmbitSystem
import Testing

@testable import AmbitRuntime

@Suite struct ThreadsOfOnePlugin {
  /// Work that ends when it is told to.
  private struct Held {
    let began = Latch<Void>()
    let mayEnd = Latch<Void>()
    let ended = Latch<Void>()
    let work: PoolWork

    init(_ share: ThreadShare? = nil, in lane: SerialLane? = nil) {
      work = PoolWork(in: lane, share: share) { [began, mayEnd, ended] in
        began.arrive(())
        _ = mayEnd.wait()
        ended.arrive(())
      }
    }

    func end() {
      mayEnd.arrive(())
      _ = ended.wait()
    }
  }

  private func makeShare(_ limit: Int?) -> ThreadShare {
    ThreadShare(LimitOwner(plugin: "plugin", label: "plugin/1", resource: .threads), limit)
  }

  @Test func `Work of a plugin that has all its threads waits, and keeps no other plugin's work waiting`() {
    let pool = ThreadPool(limits: ThreadPool.Limits(threads: 4, queue: 2))
    let share = makeShare(2)
    let jobs = (0..<5).map { _ in Held(share) }
    #expect(jobs.map { pool.accepts(.job, $0.work) } == [true, true, true, true, false])
    let others = (0..<2).map { _ in Held() }
    for other in others { #expect(pool.accepts(.job, other.work)) }
    for held in others + jobs[..<2] { _ = held.began.wait() }
    var report = LimitReport(used: 2, limit: 2, refused: 1)
    report.waiting = 2
    #expect(pool.report(on: share) == report)
    #expect(!jobs[2].began.isOpen)
    for other in others { other.end() }
    jobs[1].end()
    _ = jobs[2].began.wait()
    #expect(!jobs[3].began.isOpen && pool.report(on: share).waiting == 1)
    for job in [jobs[0], jobs[2], jobs[3]] { job.end() }
  }

  @Test func `Work that is withdrawn while it waits, or before a thread has taken it, makes room`() {
    let pool = ThreadPool(limits: ThreadPool.Limits(threads: 1, queue: 2))
    let (first, other, share) = (Held(), Held(), makeShare(1))
    #expect(pool.accepts(.job, first.work))
    _ = first.began.wait()
    let jobs = (0..<3).map { _ in Held(share) }
    // The first one is in the queue of the pool, the others wait for it.
    for job in jobs { #expect(pool.accepts(.job, job.work)) }
    #expect(!pool.accepts(.job, Held(share).work))
    #expect(pool.withdraw(jobs[1].work) && !pool.withdraw(jobs[1].work))
    #expect(pool.withdraw(jobs[0].work))
    #expect(pool.report(on: share).waiting == 0)
    #expect(pool.accepts(.job, other.work))
    first.end()
    _ = jobs[2].began.wait()
    jobs[2].end()
    _ = other.began.wait()
    other.end()
    #expect(pool.report(on: share).used == 0)
  }

  @Test func `A higher limit admits at once what waits, and without a limit only the pool's is left`() {
    let pool = ThreadPool(limits: ThreadPool.Limits(threads: 4, queue: 10))
    let share = makeShare(1)
    let jobs = (0..<4).map { _ in Held(share) }
    for job in jobs { #expect(pool.accepts(.job, job.work)) }
    _ = jobs[0].began.wait()
    pool.setLimit(of: share, to: 3)
    for job in jobs[1...2] { _ = job.began.wait() }
    #expect(!jobs[3].began.isOpen)
    pool.setLimit(of: share, to: nil)
    _ = jobs[3].began.wait()
    #expect(pool.report(on: share).limit == 4)
    for job in jobs { job.end() }
  }

  @Test func `A call that has its turn in its library's lane also waits for a thread of its plugin`() {
    let pool = ThreadPool(limits: ThreadPool.Limits(threads: 4, queue: 10))
    let (share, lane) = (makeShare(1), SerialLane(name: "lib"))
    let (job, calls) = (Held(share), (0..<2).map { _ in Held(share, in: lane) })
    #expect(pool.accepts(.job, job.work))
    _ = job.began.wait()
    for call in calls { #expect(pool.accepts(.job, call.work)) }
    #expect(pool.report(on: share).waiting == 1 && pool.report(on: lane).waiting == 1)
    job.end()
    for call in calls {
      _ = call.began.wait()
      call.end()
    }
  }

  @Test func `The watchdog learns of refusals, and of work that has waited for a second, once each`() {
    let pool = ThreadPool(limits: ThreadPool.Limits(threads: 4, queue: 1))
    let share = makeShare(1)
    let jobs = (0..<2).map { _ in Held(share) }
    for job in jobs { #expect(pool.accepts(.job, job.work)) }
    #expect(pool.shareNews(at: Clock.monotonic).isEmpty)
    #expect(!pool.accepts(.job, Held(share).work) && !pool.accepts(.job, Held(share).work))
    #expect(pool.shareNews(at: Clock.monotonic).map(\.hasBegun) == [true])
    let later = Clock.monotonic + 1_000_000_000
    let starving = pool.shareNews(at: later)
    #expect(starving.map(\.waiting) == [1] && starving.map(\.hasBegun) == [false])
    if case .begun? = starving.first?.starvation {} else { Issue.record("expected that the work has waited") }
    #expect(pool.shareNews(at: later).isEmpty)
    for job in jobs {
      _ = job.began.wait()
      job.end()
    }
    #expect(pool.shareNews(at: later + 30_000_000_000).first?.end?.refused == 2)
    #expect(pool.shareNews(at: later + 60_000_000_000).isEmpty)
  }
}
