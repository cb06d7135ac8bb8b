import AmbitCore
import TestSupport
import Testing

@Suite struct `Restart policy` {
  private static let millisecond: Int64 = 1_000_000
  private static let window: Int64 = 60_000_000_000

  /// A generator of the middle of every range, so that there is no jitter.
  private struct Middle: RandomNumberGenerator {
    mutating func next() -> UInt64 { 1 << 63 }
  }

  /// The delays in milliseconds of a worker that crashes so often right after it serves.
  private func delays(_ count: Int, _ policy: inout RestartPolicy, now: inout Int64) -> [Int64] {
    var middle = Middle()
    return (0..<count).map { _ in
      policy.serves(at: now, window: Self.window)
      now += Self.millisecond
      let delay = policy.crashed(at: now, window: Self.window, using: &middle)
      now += delay
      return (delay + Self.millisecond / 2) / Self.millisecond
    }
  }

  @Test func `The first crash is answered at once, and each further one after twice the time, up to 5 s`() {
    var policy = RestartPolicy()
    var now: Int64 = 0
    #expect(delays(10, &policy, now: &now) == [0, 50, 100, 200, 400, 800, 1600, 3200, 4167, 4167])
    #expect(policy.crashes == 10)
  }

  @Test func `The delays begin anew after a worker that has served for the crash window, and not before`() {
    var policy = RestartPolicy()
    var (now, middle): (Int64, Middle) = (0, Middle())
    _ = delays(5, &policy, now: &now)
    policy.serves(at: now, window: Self.window)
    now += Self.window - 1
    #expect(policy.crashed(at: now, window: Self.window, using: &middle) > 700 * Self.millisecond)
    policy.serves(at: now, window: Self.window)
    now += Self.window
    #expect(policy.crashed(at: now, window: Self.window, using: &middle) == 0)
    #expect(delays(2, &policy, now: &now) == [50, 100])
    #expect(policy.crashes == 9)
  }

  @Test func `A crash whose cause the next worker does not run is followed by no delay, and the delays begin anew`() {
    var policy = RestartPolicy()
    var now: Int64 = 0
    _ = delays(5, &policy, now: &now)
    policy.crashedForGood()
    #expect(policy.recentCrashes == 0)
    #expect(policy.crashes == 6)
    #expect(delays(3, &policy, now: &now) == [0, 50, 100])
  }

  @Test func `The time that a worker takes to start, or that passes before it starts, is no time without a crash`() {
    var policy = RestartPolicy()
    var middle = Middle()
    let times = (1...4).map { $0 * 10 * Self.window }
    let delays = times.map { policy.crashed(at: $0, window: Self.window, using: &middle) / Self.millisecond }
    #expect(delays == [0, 50, 100, 200])
  }

  @Test func `A process that takes the place of another has to serve for the window itself`() {
    var policy = RestartPolicy()
    var (now, middle): (Int64, Middle) = (0, Middle())
    _ = delays(2, &policy, now: &now)
    for _ in 1...2 {
      policy.serves(at: now, window: Self.window)
      now += Self.window - 1
    }
    #expect(policy.crashed(at: now, window: Self.window, using: &middle) == 100 * Self.millisecond)
  }

  @Test func `A process that has served for the window forgives earlier crashes to the one that takes its place`() {
    var policy = RestartPolicy()
    var (now, middle): (Int64, Middle) = (0, Middle())
    _ = delays(2, &policy, now: &now)
    policy.serves(at: now, window: Self.window)
    now += Self.window
    policy.serves(at: now, window: Self.window)
    #expect(policy.crashed(at: now, window: Self.window, using: &middle) == 0)
  }

  @Test(arguments: 0..<50)
  func `However a worker crashes, a delay is from 0 to 5 s, and within a fifth of the doubled one before`(seed: Int) {
    var generator = SeededGenerator(seed: UInt64(seed))
    var policy = RestartPolicy()
    var (now, recent): (Int64, Int) = (0, 0)
    for crash in 1...200 {
      let serves: Int64? =
        generator.chance(80) ? Int64(generator.number(0...100_000)) * Self.millisecond : nil
      if let serves {
        policy.serves(at: now, window: Self.window)
        now += serves
      } else {
        now += Int64(generator.number(0...100_000)) * Self.millisecond
      }
      recent = (serves ?? 0) >= Self.window ? 1 : recent + 1
      let delay = policy.crashed(at: now, window: Self.window, using: &generator)
      let middle = recent == 1 ? 0 : min(50 * Double(Self.millisecond) * Double(1 << min(recent - 2, 20)), 5e9 / 1.2)
      #expect((middle * 0.8 - 1...middle * 1.2 + 1).contains(Double(delay)), "seed \(seed), crash \(crash)")
      #expect((0...RestartPolicy.longestDelay).contains(delay))
      #expect(policy.crashes == crash)
      now += delay
    }
  }

  @Test func `Workers that crash together do not all start together`() {
    var generator = SeededGenerator(seed: 1)
    let delays = (0..<8).map { _ in
      var policy = RestartPolicy()
      _ = policy.crashed(at: 0, window: Self.window, using: &generator)
      return policy.crashed(at: 1, window: Self.window, using: &generator)
    }
    #expect(Set(delays).count == 8)
  }

  @Test func `A worker that drains or stops was told to end`() {
    #expect(WorkerPhase.allCases.filter(\.isToldToEnd) == [.draining, .stopping])
  }
}
