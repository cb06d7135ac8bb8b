import Dispatch
import Testing

@testable import AmbitSystem

@Suite struct Latches {
  @Test func `A latch gives the values that arrived before the wait, in order`() {
    let latch = Latch<Int>(expected: 2)
    latch.arrive(1)
    #expect(!latch.isOpen)
    latch.arrive(2)
    #expect(latch.isOpen)
    #expect(latch.wait() == [1, 2])
    #expect(latch.wait(timeout: 0) == [1, 2])
  }

  @Test(arguments: [Int64.min, -1, 0, 1_000_000]) func `A latch gives up after the timeout`(timeout: Int64) {
    let latch = Latch<Int>(expected: 2)
    latch.arrive(1)
    let start = Clock.monotonic
    #expect(latch.wait(timeout: timeout) == nil)
    #expect(Clock.monotonic - start >= timeout)
    #expect(latch.arrived == [1])
  }

  @Test func `A latch that expects nothing waits for nothing`() {
    #expect(Latch<Int>(expected: 0).wait(timeout: 0) == [])
  }

  @Test func `A latch counts the arrivals from many threads`() {
    let latch = Latch<Int>(expected: 1_000)
    DispatchQueue.global().async {
      DispatchQueue.concurrentPerform(iterations: 8) { thread in
        for number in 0..<125 { latch.arrive(thread * 125 + number) }
      }
    }
    #expect(latch.wait().map { $0.sorted() } == Array(0..<1_000))
  }

  @Test func `A latch tells exactly one of many callers that it was the last`() {
    let latch = Latch<Int>(expected: 1_000)
    let last = Latch<Int>()
    DispatchQueue.concurrentPerform(iterations: 8) { thread in
      for number in 0..<125 where latch.arrive(number) { last.arrive(thread) }
    }
    #expect(last.arrived.count == 1)
  }
}
