import AmbitSystem
import Testing

@testable import AmbitRuntime

@Suite struct ThreadPools {
  /// Work that says when it has begun and ends when it is told to.
  private struct Held {
    let began = Latch<Void>()
    let mayEnd = Latch<Void>()
    let ended = Latch<Void>()

    var work: PoolWork {
      PoolWork {
        began.arrive(())
        _ = mayEnd.wait()
        ended.arrive(())
      }
    }

    var hasBegun: Bool { began.isOpen }

    func end() {
      mayEnd.arrive(())
      _ = ended.wait()
    }
  }

  @Test func `A pool runs as many jobs at once as allowed, queues as many as allowed, and refuses the rest`() {
    let pool = ThreadPool(limits: ThreadPool.Limits(threads: 2, queue: 1))
    let jobs = (0..<4).map { _ in Held() }
    #expect(jobs.map { pool.accepts(.job, $0.work) } == [true, true, true, false])
    for job in jobs[..<2] { _ = job.began.wait() }
    #expect(!jobs[2].hasBegun)
    jobs[0].end()
    _ = jobs[2].began.wait()
    for job in jobs[1...2] { job.end() }
  }

  @Test func `A call gets an additional thread however many jobs wait`() {
    let pool = ThreadPool(limits: ThreadPool.Limits(threads: 1, queue: 1))
    let (job, next) = (Held(), Held())
    let calls = (0..<5).map { _ in Held() }
    #expect(pool.accepts(.job, job.work))
    _ = job.began.wait()
    #expect(pool.accepts(.job, next.work))
    for call in calls {
      #expect(pool.accepts(.call(LifecycleCall(name: "start", plugin: "p/1", origin: 0, limit: .max)), call.work))
    }
    for call in calls { _ = call.began.wait() }
    #expect(!next.hasBegun)
    job.end()
    _ = next.began.wait()
    for held in calls + [next] { held.end() }
  }

  @Test func `Hooks run while all threads for jobs are busy, and take none of them`() {
    let pool = ThreadPool(limits: ThreadPool.Limits(threads: 1, queue: 1))
    let (job, next, hook) = (Held(), Held(), Held())
    #expect(pool.accepts(.job, job.work))
    _ = job.began.wait()
    #expect(pool.accepts(.job, next.work))
    #expect(pool.accepts(.hook, hook.work))
    _ = hook.began.wait()
    hook.end()
    let second = Held()
    #expect(pool.accepts(.hook, second.work))
    _ = second.began.wait()
    #expect(!next.hasBegun)
    second.end()
    job.end()
    _ = next.began.wait()
    next.end()
  }

  @Test func `A job that is withdrawn leaves room for another`() {
    let pool = ThreadPool(limits: ThreadPool.Limits(threads: 1, queue: 100))
    let first = Held()
    #expect(pool.accepts(.job, first.work))
    _ = first.began.wait()
    let order = Latch<Int>(expected: 50)
    for round in 0..<20 {
      let jobs = (0..<100).map { number in PoolWork { order.arrive(number) } }
      for job in jobs { #expect(pool.accepts(.job, job)) }
      #expect(!pool.accepts(.job, first.work))
      let isLast = round == 19
      for number in 0..<100 where !isLast || number % 2 == 0 { #expect(pool.withdraw(jobs[number])) }
    }
    first.end()
    #expect(order.wait() == Array(0..<100).filter { $0 % 2 == 1 })
  }

  @Test func `A job cannot be withdrawn after a thread has taken it`() {
    let pool = ThreadPool()
    let job = Held()
    let work = job.work
    #expect(pool.accepts(.job, work))
    _ = job.began.wait()
    #expect(!pool.withdraw(work))
    job.end()
  }

  @Test func `A pool counts its running jobs, the most of them so far, and those that wait`() {
    let pool = ThreadPool(limits: ThreadPool.Limits(threads: 2, queue: 10))
    #expect(pool.snapshot.running.isEmpty && pool.snapshot.mostRunning == 0)
    let jobs = (0..<3).map { _ in Held() }
    for job in jobs { #expect(pool.accepts(.job, job.work)) }
    for job in jobs[..<2] { _ = job.began.wait() }
    let busy = pool.snapshot
    #expect(busy.running.count == 2 && busy.mostRunning == 2 && busy.waiting == 1 && busy.limits.threads == 2)
    jobs[0].end()
    _ = jobs[2].began.wait()
    #expect(pool.snapshot.waiting == 0)
    for job in jobs[1...2] { job.end() }
    let last = Held()
    #expect(pool.accepts(.job, last.work))
    _ = last.began.wait()
    #expect(pool.snapshot.mostRunning == 2)
    last.end()
  }

  @Test func `Jobs that wait while no thread becomes free are reported after a second, then once a minute`() {
    let pool = ThreadPool(limits: ThreadPool.Limits(threads: 1, queue: 10))
    let second: Int64 = 1_000_000_000
    let (first, next, last) = (Held(), Held(), Held())
    #expect(pool.accepts(.job, first.work))
    _ = first.began.wait()
    #expect(pool.starvationNews(at: Clock.monotonic + 100 * second) == nil)
    #expect(pool.accepts(.job, next.work))
    #expect(pool.accepts(.job, last.work))
    let start = Clock.monotonic
    #expect(pool.starvationNews(at: start + second / 2) == nil)
    guard case .begun(let time) = pool.starvationNews(at: start + second) else {
      Issue.record("not reported")
      return
    }
    #expect(time >= second && time < 2 * second)
    #expect(pool.starvationNews(at: start + 60 * second) == nil)
    #expect(pool.starvationNews(at: start + 61 * second) != nil)
    first.end()
    _ = next.began.wait()
    // The queue has moved, but a job still waits: the starvation goes on.
    #expect(pool.starvationNews(at: start + 70 * second) == nil)
    next.end()
    _ = last.began.wait()
    guard case .ended = pool.starvationNews(at: start + 71 * second) else {
      Issue.record("its end is not reported")
      return
    }
    #expect(pool.starvationNews(at: start + 72 * second) == nil)
    last.end()
  }

  @Test func `A queue that moves is no starvation`() {
    let pool = ThreadPool(limits: ThreadPool.Limits(threads: 1, queue: 10))
    let jobs = (0..<3).map { _ in Held() }
    for job in jobs { #expect(pool.accepts(.job, job.work)) }
    var moved = Clock.monotonic
    for index in 0..<2 {
      _ = jobs[index].began.wait()
      #expect(pool.starvationNews(at: moved + 900_000_000) == nil)
      moved = Clock.monotonic
      jobs[index].end()
    }
    _ = jobs[2].began.wait()
    jobs[2].end()
  }
}
