import Testing

@testable import AmbitRuntime

@Suite struct `Busy polling` {
  @Test func `A loop polls until each expected thread is done`() {
    var polling = BusyPolling()
    #expect(!polling.isExpecting)
    #expect(polling.chances(taken: 2) == 2)
    polling.succeed()
    #expect(polling.isExpecting)
    polling.succeed()
    #expect(!polling.isExpecting)
  }

  @Test func `A thread that is done late does not count`() {
    var polling = BusyPolling()
    #expect(polling.chances(taken: 1) == 1)
    polling.fail()
    #expect(!polling.isExpecting)
    polling.succeed()
    #expect(polling.chances(taken: 1) == 2)
  }

  @Test func `A loop polls more and more rarely while threads are slow, but never stops`() {
    var polling = BusyPolling()
    let chances = (0..<8).map { _ in
      let chances = polling.chances(taken: 1)
      polling.fail()
      return chances
    }
    #expect(chances == [1, 2, 4, 8, 16, 32, 64, 64])
  }

  @Test func `A loop polls at every chance again after a thread was done in time`() {
    var polling = BusyPolling()
    for _ in 0..<4 {
      _ = polling.chances(taken: 1)
      polling.fail()
    }
    #expect(polling.chances(taken: 1) == 16)
    polling.succeed()
    #expect(polling.chances(taken: 10) == 10)
  }

  @Test func `A thread that got no work does not count as a poll without a result`() {
    var polling = BusyPolling()
    #expect(polling.chances(taken: 1) == 1)
    polling.withdraw()
    #expect(!polling.isExpecting)
    #expect(polling.chances(taken: 1) == 1)
  }
}

extension BusyPolling {
  /// Hands out work until `count` threads are expected; returns how many threads got work.
  fileprivate mutating func chances(taken count: Int) -> Int {
    var (chances, taken) = (0, 0)
    while taken < count {
      chances += 1
      if expect() { taken += 1 }
    }
    return chances
  }
}
