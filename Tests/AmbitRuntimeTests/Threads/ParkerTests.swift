import Dispatch
import Testing

@testable import AmbitRuntime

@Suite struct Parkers {
  @Test(arguments: [0, 1_000_000]) func `keep a wake that comes before the wait, once`(patience: Int64) {
    let parker = Parker()
    defer { parker.destroy() }
    parker.unpark()
    parker.unpark()
    parker.park(patience: patience)
    let isAwake = Gate<Void>()
    DispatchQueue.global().async {
      parker.park(patience: patience)
      isAwake.arrive(())
    }
    #expect(isAwake.wait(timeout: 10_000_000) == nil)
    parker.unpark()
    #expect(isAwake.wait() != nil)
  }

  @Test(arguments: [0, 1_000_000]) func `show who waits what the other has done before`(patience: Int64) {
    let (there, back, done) = (Parker(), Parker(), Gate<Void>())
    let count = UnsafeMutablePointer<Int>.allocate(capacity: 1)
    count.initialize(to: 0)
    let shared = Unchecked(count)
    DispatchQueue.global().async {
      for _ in 0..<10_000 {
        there.park(patience: patience)
        shared.value.pointee += 1
        back.unpark()
      }
      done.arrive(())
    }
    for round in 0..<10_000 {
      #expect(count.pointee == round)
      there.unpark()
      back.park(patience: patience)
    }
    _ = done.wait()
    for parker in [there, back] { parker.destroy() }
    count.deallocate()
  }
}
