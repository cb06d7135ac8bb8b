import AmbitCore
import Testing

@Suite struct `The pace of reloads` {
  private static let millisecond: Int64 = 1_000_000

  @Test func `is set by signals: without one there is none`() {
    var pace = ReloadPace()
    #expect(pace.delay(at: 0) == nil)
    pace.want()
    pace.begin(at: 0)
    #expect(pace.delay(at: ReloadPace.interval) == nil)
  }

  @Test func `lets the first signal act at once, and so one that comes late enough after`() {
    var pace = ReloadPace()
    pace.want()
    #expect(pace.delay(at: 5) == 0)
    pace.begin(at: 5)
    pace.want()
    #expect(pace.delay(at: 5 + ReloadPace.interval) == 0)
    #expect(pace.delay(at: 6 + ReloadPace.interval) == 0)
  }

  @Test func `makes those wait that come soon after a reload has begun, whoever wanted that`() {
    var pace = ReloadPace()
    pace.begin(at: 0)
    pace.want()
    #expect(pace.delay(at: 100 * Self.millisecond) == ReloadPace.interval - 100 * Self.millisecond)
  }

  @Test func `makes few reloads of a hundred signals in a second, the last of them after the last signal`() {
    var pace = ReloadPace()
    var begins: [Int64] = []
    for tick: Int64 in 0..<200 {
      let now = tick * 10 * Self.millisecond
      if tick < 100 { pace.want() }
      guard pace.delay(at: now) == 0 else { continue }
      pace.begin(at: now)
      begins.append(tick)
    }
    #expect(begins == [0, 25, 50, 75, 100])
    #expect(!pace.isWanted)
  }
}
