import AmbitSystem
import CFiber
import Synchronization
import Testing

@testable import AmbitRuntime

@Suite struct `A serial lane` {
  /// Calls of a lane, each of which says when it has begun and ends when it is told to.
  private final class Calls: Sendable {
    let lane: SerialLane
    let pool: ThreadPool
    let began: [Latch<Int32>]
    let mayEnd: [Latch<Void>]
    let order: Latch<Int>
    let works: [PoolWork]

    init(_ count: Int, in lane: SerialLane, of pool: ThreadPool) {
      let latches = (0..<count).map { _ in (began: Latch<Int32>(), mayEnd: Latch<Void>()) }
      let order = Latch<Int>(expected: count)
      self.lane = lane
      self.pool = pool
      began = latches.map(\.began)
      mayEnd = latches.map(\.mayEnd)
      self.order = order
      works = latches.enumerated().map { index, latch in
        PoolWork(in: lane) {
          latch.began.arrive(threadNumber())
          _ = latch.mayEnd.wait()
          order.arrive(index)
        }
      }
    }

    func submit(_ index: Int) -> Bool { pool.accepts(.job, works[index]) }
    func begun(_ index: Int) -> Int32? { began[index].wait()?.first }
    func end(_ index: Int) { mayEnd[index].arrive(()) }
  }

  @Test(arguments: [false, true]) func `A lane runs one call at a time, in order, while other work goes on`(own: Bool) {
    let (pool, lane) = (ThreadPool(), SerialLane(name: "lib"))
    lane.usesOwnThread.store(own, ordering: .relaxed)
    let calls = Calls(3, in: lane, of: pool)
    for index in 0..<3 { #expect(calls.submit(index)) }
    for index in 0..<3 {
      _ = calls.begun(index)
      // Others have threads meanwhile, and the next call none.
      let beside = Latch<Void>()
      #expect(pool.accepts(.job, PoolWork { beside.arrive(()) }))
      _ = beside.wait()
      #expect(calls.began.dropFirst(index + 1).allSatisfy { !$0.isOpen })
      #expect(pool.report(on: lane).waiting == 2 - index)
      calls.end(index)
    }
    #expect(calls.order.wait() == [0, 1, 2])
  }

  @Test func `A lane occupies one thread of the pool however many calls wait`() {
    let pool = ThreadPool(limits: ThreadPool.Limits(threads: 2, queue: 8))
    let calls = Calls(8, in: SerialLane(name: "lib"), of: pool)
    for index in 0..<8 { #expect(calls.submit(index)) }
    _ = calls.begun(0)
    for _ in 0..<20 {
      let beside = Latch<Void>()
      #expect(pool.accepts(.job, PoolWork { beside.arrive(()) }))
      _ = beside.wait()
    }
    for index in 0..<8 { calls.end(index) }
    #expect(calls.order.wait() == Array(0..<8))
  }

  @Test(arguments: [false, true]) func `A lane queues as many calls as allowed and refuses the rest`(own: Bool) {
    let pool = ThreadPool(limits: ThreadPool.Limits(threads: 2, queue: 2))
    let lane = SerialLane(name: "lib")
    lane.usesOwnThread.store(own, ordering: .relaxed)
    let calls = Calls(3, in: lane, of: pool)
    #expect(calls.submit(0))
    _ = calls.begun(0)
    #expect(calls.submit(1) && calls.submit(2))
    #expect(!pool.accepts(.job, PoolWork(in: lane) {}))
    // What waits in a lane takes no room from others.
    let beside = Latch<Void>()
    #expect(pool.accepts(.job, PoolWork { beside.arrive(()) }))
    _ = beside.wait()
    for index in 0..<3 { calls.end(index) }
    #expect(calls.order.wait() == [0, 1, 2])
  }

  @Test(arguments: [false, true]) func `A call can be withdrawn until a thread has taken it`(
    own: Bool
  ) {
    let pool = ThreadPool(limits: ThreadPool.Limits(threads: 1, queue: 8))
    let (lane, other) = (SerialLane(name: "lib"), SerialLane(name: "other"))
    lane.usesOwnThread.store(own, ordering: .relaxed)
    let (holder, calls) = (Calls(1, in: other, of: pool), Calls(4, in: lane, of: pool))
    #expect(holder.submit(0))
    _ = holder.begun(0)
    for index in 0..<4 { #expect(calls.submit(index)) }
    if own {
      _ = calls.begun(0)
      #expect(!pool.withdraw(calls.works[0]))
    } else {
      #expect(pool.withdraw(calls.works[0]))
      #expect(!pool.withdraw(calls.works[0]))
    }
    #expect(pool.withdraw(calls.works[2]))
    for index in 0..<4 { calls.end(index) }
    holder.end(0)
    for index in own ? [0, 1, 3] : [1, 3] { _ = calls.begun(index) }
    #expect(!calls.began[2].isOpen)
  }

  @Test func `A lane with its own thread keeps the same thread`() {
    let (pool, lane) = (ThreadPool(), SerialLane(name: "lib"))
    lane.usesOwnThread.store(true, ordering: .relaxed)
    var numbers: Set<Int32> = []
    for _ in 0..<50 {
      let calls = Calls(2, in: lane, of: pool)
      for index in 0..<2 { #expect(calls.submit(index)) }
      for index in 0..<2 { calls.end(index) }
      _ = calls.order.wait()
      for began in calls.began { numbers.formUnion(began.arrived) }
    }
    #expect(numbers.count == 1)
    pool.close(lane)
  }

  @Test func `A lane moves to its own thread and back between two calls`() {
    let (pool, lane) = (ThreadPool(), SerialLane(name: "lib"))
    let calls = Calls(6, in: lane, of: pool)
    for index in 0..<6 { #expect(calls.submit(index)) }
    var numbers: [Int32?] = []
    for index in 0..<6 {
      numbers.append(calls.begun(index))
      lane.usesOwnThread.store(index == 1 || index == 2, ordering: .relaxed)
      calls.end(index)
    }
    #expect(calls.order.wait() == Array(0..<6))
    #expect(numbers[2] == numbers[3] && numbers[1] != numbers[2] && numbers[4] != numbers[3])
  }

  @Test func `A lane runs every call of many threads, one at a time, while calls are withdrawn`() {
    let pool = ThreadPool(limits: ThreadPool.Limits(threads: 3, queue: 100_000))
    let lanes = (0..<3).map { SerialLane(name: "lib\($0)") }
    lanes[2].usesOwnThread.store(true, ordering: .relaxed)
    let counters = lanes.map { _ in UnsafeMutablePointer<Int>.allocate(capacity: 1) }
    for counter in counters { counter.initialize(to: 0) }
    let all = Latch<Int>(expected: 4)
    for thread in 0..<4 {
      let counters = Unchecked(counters)
      try? SystemThread(for: "a test") {
        var withdrawn = 0
        let ran = Latch<Void>(expected: 3000)
        for number in 0..<3000 {
          let index = (number + thread) % 3
          // A data race if two ran at once: the sanitizer would say so, and the sum would.
          let work = PoolWork(in: lanes[index]) {
            counters.value[index].pointee += 1
            ran.arrive(())
          }
          _ = pool.accepts(.job, work)
          if number % 7 == 0, pool.withdraw(work) {
            withdrawn += 1
            ran.arrive(())
          }
        }
        _ = ran.wait()
        all.arrive(withdrawn)
      }.detach()
    }
    let withdrawn = all.wait()!.reduce(0, +)
    #expect(counters.reduce(0) { $0 + $1.pointee } + withdrawn == 12_000)
    for counter in counters { counter.deallocate() }
  }
}

/// The system's number of the calling thread.
private func threadNumber() -> Int32 { cfiber_thread_number() }
