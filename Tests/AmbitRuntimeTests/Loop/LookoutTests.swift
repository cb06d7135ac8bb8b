import Testing

@testable import AmbitRuntime

@Suite struct Lookouts {
  @Test func `expect each thread until it is back`() {
    var lookout = Lookout()
    #expect(!lookout.isExpecting)
    #expect(lookout.chances(taken: 2) == 2)
    lookout.succeed()
    #expect(lookout.isExpecting)
    lookout.succeed()
    #expect(!lookout.isExpecting)
  }

  @Test func `take no notice of threads that are back late`() {
    var lookout = Lookout()
    #expect(lookout.chances(taken: 1) == 1)
    lookout.fail()
    #expect(!lookout.isExpecting)
    lookout.succeed()
    #expect(lookout.chances(taken: 1) == 2)
  }

  @Test func `take ever fewer chances while threads take their time, but some`() {
    var lookout = Lookout()
    let chances = (0..<8).map { _ in
      let chances = lookout.chances(taken: 1)
      lookout.fail()
      return chances
    }
    #expect(chances == [1, 2, 4, 8, 16, 32, 64, 64])
  }

  @Test func `take every chance again once a thread was back in time`() {
    var lookout = Lookout()
    for _ in 0..<4 {
      _ = lookout.chances(taken: 1)
      lookout.fail()
    }
    #expect(lookout.chances(taken: 1) == 16)
    lookout.succeed()
    #expect(lookout.chances(taken: 10) == 10)
  }

  @Test func `expect no thread that has got nothing to do, which is no failure`() {
    var lookout = Lookout()
    #expect(lookout.chances(taken: 1) == 1)
    lookout.withdraw()
    #expect(!lookout.isExpecting)
    #expect(lookout.chances(taken: 1) == 1)
  }
}

extension Lookout {
  /// Hands out work until so many threads are looked out for; tells how many there were.
  fileprivate mutating func chances(taken count: Int) -> Int {
    var (chances, taken) = (0, 0)
    while taken < count {
      chances += 1
      if expect() { taken += 1 }
    }
    return chances
  }
}
