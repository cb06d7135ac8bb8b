import Dispatch
import Testing

@testable import AmbitSystem

@Suite struct Wakeups {
  @Test(arguments: [0, 1_000_000]) func `A parker keeps a wake-up that comes before the wait, once`(spinTime: Int64) {
    let wakeup = Wakeup()
    defer { wakeup.destroy() }
    wakeup.notify()
    wakeup.notify()
    wakeup.wait(spinningFor: spinTime)
    let isAwake = Latch<Void>()
    DispatchQueue.global().async {
      wakeup.wait(spinningFor: spinTime)
      isAwake.arrive(())
    }
    #expect(isAwake.wait(timeout: 10_000_000) == nil)
    wakeup.notify()
    #expect(isAwake.wait() != nil)
  }

  @Test(arguments: [0, 1_000_000]) func `A parker shows the thread that waits the writes of the thread that wakes it`(
    spinTime: Int64
  ) {
    let (there, back, done) = (Wakeup(), Wakeup(), Latch<Void>())
    let count = UnsafeMutablePointer<Int>.allocate(capacity: 1)
    count.initialize(to: 0)
    let shared = Unchecked(count)
    DispatchQueue.global().async {
      for _ in 0..<10_000 {
        there.wait(spinningFor: spinTime)
        shared.value.pointee += 1
        back.notify()
      }
      done.arrive(())
    }
    for round in 0..<10_000 {
      #expect(count.pointee == round)
      there.notify()
      back.wait(spinningFor: spinTime)
    }
    _ = done.wait()
    for wakeup in [there, back] { wakeup.destroy() }
    count.deallocate()
  }
}
