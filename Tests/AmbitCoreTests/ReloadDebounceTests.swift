import AmbitCore
import Testing

@Suite struct `Reload debounce` {
  private static let millisecond: Int64 = 1_000_000

  @Test func `The debounce asks for no reload without a signal`() {
    var debounce = ReloadDebounce()
    #expect(debounce.delay(at: 0) == nil)
    debounce.request()
    debounce.begin(at: 0)
    #expect(debounce.delay(at: ReloadDebounce.interval) == nil)
  }

  @Test func `The debounce lets the first signal act at once, and also one that comes an interval later`() {
    var debounce = ReloadDebounce()
    debounce.request()
    #expect(debounce.delay(at: 5) == 0)
    debounce.begin(at: 5)
    debounce.request()
    #expect(debounce.delay(at: 5 + ReloadDebounce.interval) == 0)
    #expect(debounce.delay(at: 6 + ReloadDebounce.interval) == 0)
  }

  @Test func `The debounce delays a signal within an interval after a reload began, whoever asked for it`() {
    var debounce = ReloadDebounce()
    debounce.begin(at: 0)
    debounce.request()
    #expect(debounce.delay(at: 100 * Self.millisecond) == ReloadDebounce.interval - 100 * Self.millisecond)
  }

  @Test func `The debounce turns a hundred signals in a second into a few reloads, the last after the last signal`() {
    var debounce = ReloadDebounce()
    var begins: [Int64] = []
    for tick: Int64 in 0..<200 {
      let now = tick * 10 * Self.millisecond
      if tick < 100 { debounce.request() }
      guard debounce.delay(at: now) == 0 else { continue }
      debounce.begin(at: now)
      begins.append(tick)
    }
    #expect(begins == [0, 25, 50, 75, 100])
    #expect(!debounce.isRequested)
  }
}
