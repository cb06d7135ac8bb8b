import TestSupport
import Testing

@testable import AmbitRuntime

@Suite struct TimerWheels {
  /// What a timer may be late, in nanoseconds.
  private static let tick: Int64 = 65_536

  @Test func `A wheel without armed timers fires nothing`() {
    let bench = TimerBench(count: 1, now: 12_345)
    #expect(bench.nextDue == nil)
    #expect(bench.advance(to: .max) == [])
  }

  @Test func `A timer fires once, never early and at most one tick late`() throws {
    for delay: Int64 in [0, 1, Self.tick - 1, Self.tick, Self.tick + 1, 64 * Self.tick, 1_000_000_007] {
      let start: Int64 = 987_654_321
      let bench = TimerBench(count: 1, now: start)
      bench.arm(0, at: start + delay)
      #expect(try #require(bench.nextDue) < start + delay + 2 * Self.tick)
      if delay > 0 { #expect(bench.advance(to: start + delay - 1) == [], "\(delay)") }
      #expect(bench.advance(to: start + delay + Self.tick) == [0], "\(delay)")
      #expect(bench.advance(to: .max) == [])
      #expect(bench.nextDue == nil)
    }
  }

  @Test func `A timer that is armed for the past fires as soon as possible`() {
    let bench = TimerBench(count: 2, now: 1_000_000_000)
    bench.arm(0, at: 5)
    bench.arm(1, at: -5)
    #expect(bench.advance(to: 1_000_000_000 + Self.tick) == [0, 1])
  }

  @Test func `A timer that is disarmed, once or twice, does not fire`() {
    let bench = TimerBench(count: 2, now: 0)
    bench.arm(0, at: 1_000)
    bench.arm(1, at: 1_000)
    bench.disarm(0)
    bench.disarm(0)
    #expect(bench.advance(to: 1_000_000) == [1])
    #expect(!bench.isArmed(0))
  }

  @Test func `A timer that is armed again fires at the last time`() {
    let bench = TimerBench(count: 1, now: 0)
    bench.arm(0, at: 1_000_000)
    bench.arm(0, at: 9_000_000_000)
    #expect(bench.advance(to: 8_999_999_999) == [])
    #expect(bench.advance(to: 9_000_000_000 + Self.tick) == [0])
  }

  @Test func `A timer that fires can disarm another due timer`() {
    let bench = TimerBench(count: 2, now: 0)
    bench.arm(0, at: 1_000)
    bench.arm(1, at: 1_000)
    #expect(bench.pop(now: 1_000_000) == 0)
    bench.disarm(1)
    #expect(bench.pop(now: 1_000_000) == nil)
  }

  @Test func `A turn ends although a timer arms itself for the past`() {
    let bench = TimerBench(count: 1, now: 0)
    let ticks = 10
    bench.arm(0, at: 1)
    var fired = 0
    while fired < 100, bench.pop(now: Int64(ticks) * Self.tick) != nil {
      fired += 1
      bench.arm(0, at: 1)
    }
    #expect(fired <= ticks)
    #expect(bench.advance(to: Int64(ticks + 1) * Self.tick) == [0])
  }

  @Test func `A timer can be armed for any time up to the end of time`() {
    let start: Int64 = 86_400_000_000_000
    let bench = TimerBench(count: 46, now: start)
    for power in 0..<46 { bench.arm(power, at: start + 1 << (power + 16)) }
    for power in 0..<46 {
      let time = start + 1 << (power + 16)
      #expect(bench.advance(to: time - 1) == [], "2^\(power + 16)")
      #expect(bench.advance(to: time + Self.tick - 1) == [power], "2^\(power + 16)")
    }
    bench.arm(0, at: .max)
    #expect(bench.advance(to: .max - 2 * Self.tick) == [])
    #expect(bench.isArmed(0))
  }

  @Test func `A delay counts from when the wheel is told the time`() {
    let bench = TimerBench(count: 3, now: 0)
    bench.arm(0, after: 10 * Self.tick)
    bench.arm(1, after: 10 * Self.tick)
    bench.arm(2, after: 0)
    #expect(bench.isArmed(0))
    #expect(bench.nextDue == nil)
    bench.disarm(1)
    #expect(!bench.isArmed(1))
    bench.settle(now: 5 * Self.tick)
    #expect(bench.advance(to: 5 * Self.tick) == [2])
    #expect(bench.advance(to: 15 * Self.tick - 1) == [])
    #expect(bench.advance(to: 16 * Self.tick) == [0])
    #expect(bench.nextDue == nil)
  }

  @Test func `A timer takes the longest delay`() {
    let bench = TimerBench(count: 1, now: 0)
    bench.arm(0, after: TimerWheel.longestDelay)
    bench.settle(now: 77)
    #expect(bench.advance(to: TimerWheel.longestDelay + 76) == [])
    #expect(bench.advance(to: TimerWheel.longestDelay + 77 + Self.tick) == [0])
  }

  @Test(arguments: 1...8) func `A wheel agrees with a plain list of deadlines over random operations`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let start = Int64(random.number(0...1 << 50))
    let bench = TimerBench(count: 200, now: start)
    var model = TimerModel(now: start, tick: Self.tick)
    for step in 0..<20_000 {
      let timer = random.number(0...199)
      switch random.number(0...9) {
      case 0...1:
        let delay = Int64(random.number(0...1 << random.number(0...45)))
        bench.arm(timer, after: delay)
        model.arm(timer, after: delay)
      case 2...4:
        let time = model.now + Int64(random.number(0...1 << random.number(0...45))) - 1_000
        bench.arm(timer, at: time)
        model.arm(timer, at: time)
      case 5...6:
        bench.disarm(timer)
        model.disarm(timer)
      default:
        let time = model.now + Int64(random.number(0...1 << random.number(0...42)))
        let told = Int64(random.number(Int(model.now)...Int(time)))
        bench.settle(now: told)
        model.settle(now: told)
        let violations = model.advance(to: time, firing: bench.advance(to: time))
        #expect(violations == [], "seed \(seed), step \(step)")
        if !violations.isEmpty { return }
      }
      if let violation = model.violation(nextDue: bench.nextDue) {
        Issue.record("seed \(seed), step \(step): \(violation)")
        return
      }
    }
  }

  @Test func `A wheel fires 100,000 timers in order, each once`() {
    var random = SeededGenerator(seed: 7)
    let bench = TimerBench(count: 100_000, now: 0)
    let times = (0..<100_000).map { _ in Int64(random.number(0...60_000_000_000)) }
    for (timer, time) in times.enumerated() { bench.arm(timer, at: time) }
    var fired: [Int] = []
    for now in stride(from: Int64(0), through: 61_000_000_000, by: 250_000_000) { fired += bench.advance(to: now) }
    #expect(Set(fired).count == 100_000)
    #expect(fired.count == 100_000)
    #expect(zip(fired, fired.dropFirst()).allSatisfy { times[$0] < times[$1] + Self.tick })
  }
}
