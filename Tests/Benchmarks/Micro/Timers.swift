import AmbitRuntime
import AmbitSystem

/// What a deadline costs that does not come, as most do not, on a loop with many others.
struct Timers {
  private static let pending = 100_000
  private static let count = 1_000_000
  private let loop: LoopPointer

  init(in scope: ScopePointer) { loop = scope.pointee.loop }

  func measure() {
    let timers = TimerPointer.allocate(capacity: Self.pending + 1)
    defer { timers.deallocate() }
    let start = Clock.monotonic
    for index in 0...Self.pending {
      let timer = timers + index
      timer.initialize(to: Timer(at: timer, fire: { _ in }))
      if index < Self.pending { loop.arm(timer, at: start + Self.delay(index)) }
    }
    measureOne(timers + Self.pending, from: start)
    for index in 0..<Self.pending { loop.disarm(timers + index) }
  }

  private func measureOne(_ timer: TimerPointer, from start: Int64) {
    measureFigure("timer: set, cancel, 100,000 pending", budget: 50, operations: Self.count) {
      processorTime {
        for index in 0..<Self.count {
          loop.arm(timer, at: start + Self.delay(index))
          loop.disarm(timer)
        }
      }
    }
    measureFigure("timer: the same, from the present time", budget: 50, operations: Self.count) {
      processorTime {
        for index in 0..<Self.count {
          loop.arm(timer, after: Self.delay(index))
          loop.disarm(timer)
        }
      }
    }
  }

  /// Between one and two minutes, in nanoseconds, so that neighbours lie in different slots of the wheel.
  private static func delay(_ index: Int) -> Int64 { 60_000_000_000 + Int64(index &* 7919 % 60_000) &* 1_000_000 }
}
