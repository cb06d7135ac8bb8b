import Testing

@testable import AmbitRuntime

@Suite struct `A stall` {
  private func changes(_ looks: [(turnBegan: Int64, now: Int64)]) -> [StallDetector.Change] {
    var detector = StallDetector(limit: 100)
    return looks.map { detector.look(turnBegan: $0.turnBegan, now: $0.now) }
  }

  @Test func `A stall begins when one turn reaches the limit, and is reported once`() {
    #expect(changes([(1000, 1099), (1000, 1100), (1000, 5000)]) == [.none, .began, .none])
  }

  @Test func `A loop that sleeps or turns does not stall`() {
    #expect(changes([(0, 10_000), (10_050, 10_100), (10_140, 10_200), (0, 90_000)]) == [.none, .none, .none, .none])
  }

  @Test func `A stall ends with its turn and lasts as long as the turn`() {
    #expect(changes([(1000, 1500), (1700, 1705)]) == [.began, .ended(700)])
    #expect(changes([(1000, 1500), (0, 1705)]) == [.began, .ended(705)])
  }

  @Test func `The next turn that takes too long is a new stall`() {
    #expect(
      changes([(1000, 1500), (1700, 1900), (1700, 1901), (0, 2000)]) == [.began, .ended(700), .began, .ended(300)])
  }
}
