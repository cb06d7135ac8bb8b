import Dispatch
import Testing

@testable import AmbitRuntime

@Suite struct Gates {
  @Test func `give what arrived before the wait, in order`() {
    let gate = Gate<Int>(expected: 2)
    gate.arrive(1)
    #expect(!gate.isOpen)
    gate.arrive(2)
    #expect(gate.isOpen)
    #expect(gate.wait() == [1, 2])
    #expect(gate.wait(timeout: 0) == [1, 2])
  }

  @Test(arguments: [Int64.min, -1, 0, 1_000_000]) func `give up after the timeout`(timeout: Int64) {
    let gate = Gate<Int>(expected: 2)
    gate.arrive(1)
    let start = Clock.monotonic
    #expect(gate.wait(timeout: timeout) == nil)
    #expect(Clock.monotonic - start >= timeout)
    #expect(gate.arrived == [1])
  }

  @Test func `need nothing if nothing is expected`() {
    #expect(Gate<Int>(expected: 0).wait(timeout: 0) == [])
  }

  @Test func `count what many threads bring`() {
    let gate = Gate<Int>(expected: 1_000)
    DispatchQueue.global().async {
      DispatchQueue.concurrentPerform(iterations: 8) { thread in
        for number in 0..<125 { gate.arrive(thread * 125 + number) }
      }
    }
    #expect(gate.wait().map { $0.sorted() } == Array(0..<1_000))
  }
}
