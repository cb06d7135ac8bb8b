import Testing

@testable import AmbitRuntime

@Suite struct `Busy polling` {
  @Test func `Busy polling expects each thread until it is done`() {
    var polling = BusyPolling()
    #expect(!polling.isExpecting)
    #expect(polling.chances(taken: 2) == 2)
    polling.succeed()
    #expect(polling.isExpecting)
    polling.succeed()
    #expect(!polling.isExpecting)
  }

  @Test func `Busy polling ignores threads that are done late`() {
    var polling = BusyPolling()
    #expect(polling.chances(taken: 1) == 1)
    polling.fail()
    #expect(!polling.isExpecting)
    polling.succeed()
    #expect(polling.chances(taken: 1) == 2)
  }

  @Test func `Busy polling uses fewer and fewer chances while threads are slow, but never none`() {
    var polling = BusyPolling()
    let chances = (0..<8).map { _ in
      let chances = polling.chances(taken: 1)
      polling.fail()
      return chances
    }
    #expect(chances == [1, 2, 4, 8, 16, 32, 64, 64])
  }

  @Test func `Busy polling uses every chance again once a thread was done in time`() {
    var polling = BusyPolling()
    for _ in 0..<4 {
      _ = polling.chances(taken: 1)
      polling.fail()
    }
    #expect(polling.chances(taken: 1) == 16)
    polling.succeed()
    #expect(polling.chances(taken: 10) == 10)
  }

  @Test func `Busy polling does not count a thread that got no work as a failure`() {
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
