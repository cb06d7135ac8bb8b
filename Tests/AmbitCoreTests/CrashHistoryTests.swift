import AmbitCore
import TestSupport
import Testing

@Suite struct `Crash history` {
  private static let second: Int64 = 1_000_000_000

  private func loop(_ times: [Int64], limit: Int = 3, window: Int64 = 60) -> CrashLoop? {
    var history = CrashHistory()
    var last: CrashLoop?
    for time in times {
      last = history.noteCrash(of: "crashy", at: time * Self.second, limit: limit, window: window * Self.second)
    }
    return last
  }

  @Test func `As many crashes as the limit within the window are a crash loop, and fewer are none`() {
    #expect(loop([0, 1]) == nil)
    #expect(loop([0, 1, 4]) == CrashLoop(count: 3, duration: 4 * Self.second))
    #expect(loop([0], limit: 1) == CrashLoop(count: 1, duration: 0))
    #expect(loop([0, 1, 4], limit: 1000) == nil)
  }

  @Test func `A crash counts until the window is over, and not any more then`() {
    #expect(loop([0, 30, 59]) != nil)
    #expect(loop([0, 30, 60]) == nil)
    #expect(loop([0, 60, 119]) == nil)
    #expect(loop([0, 60, 119, 119]) == CrashLoop(count: 3, duration: 59 * Self.second))
  }

  @Test func `Deaths that are noted a moment apart in another order count alike`() {
    #expect(loop([4, 0, 1]) == CrashLoop(count: 3, duration: 4 * Self.second))
  }

  @Test func `Each plugin has crashes of its own, which another version of it does not inherit`() {
    var history = CrashHistory()
    for time in 0..<2 {
      for plugin in ["one", "other"] {
        #expect(history.noteCrash(of: plugin, at: Int64(time), limit: 3, window: 60) == nil)
      }
    }
    history.forget("one")
    #expect(history.noteCrash(of: "one", at: 2, limit: 3, window: 60) == nil)
    #expect(history.noteCrash(of: "other", at: 2, limit: 3, window: 60)?.count == 3)
  }

  @Test(arguments: [
    (3, 4_400_000_000, "3 crashes in 4 s"), (3, 4_600_000_000, "3 crashes in 5 s"),
    (2, 999_999_999, "2 crashes in 999 ms"), (2, 0, "2 crashes in 0 ms"), (1, 0, "1 crash"),
  ] as [(Int, Int64, String)])
  func `A crash loop says how many crashes there were and how long they took`(count: Int, time: Int64, text: String) {
    #expect("\(CrashLoop(count: count, duration: time))" == text)
  }

  @Test(arguments: 0..<20)
  func `Whatever the times, a crash loop is reported exactly if the window has enough crashes`(seed: Int) {
    var generator = SeededGenerator(seed: UInt64(seed))
    var (history, times, now): (CrashHistory, [Int64], Int64) = (CrashHistory(), [], 0)
    for _ in 0..<300 {
      now += Int64(generator.number(0...20))
      times.append(now)
      let recent = times.filter { now - $0 < 60 }
      let found = history.noteCrash(of: "crashy", at: now, limit: 5, window: 60)
      #expect(found?.count == (recent.count >= 5 ? recent.count : nil), "seed \(seed)")
    }
  }
}
