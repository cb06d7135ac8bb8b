import Testing

@testable import AmbitRuntime

@Suite struct `A stall` {
  private func changes(_ looks: [(turnBegan: Int64, now: Int64)]) -> [StallDetector.Change] {
    var detector = StallDetector(limit: 100)
    return looks.map { detector.look(turnBegan: $0.turnBegan, now: $0.now) }
  }

  @Test func `A loop is blocked when one turn has taken as long as the limit, which is reported once`() {
    #expect(changes([(1000, 1099), (1000, 1100), (1000, 5000)]) == [.none, .began, .none])
  }

  @Test func `A loop that sleeps, however long, or that turns is not blocked`() {
    #expect(changes([(0, 10_000), (10_050, 10_100), (10_140, 10_200), (0, 90_000)]) == [.none, .none, .none, .none])
  }

  @Test func `A blocked loop is reported with its length when the turn ends`() {
    #expect(changes([(1000, 1500), (1700, 1705)]) == [.began, .ended(700)])
    #expect(changes([(1000, 1500), (0, 1705)]) == [.began, .ended(705)])
  }

  @Test func `A blocked loop is reported again in the next turn that takes too long`() {
    #expect(
      changes([(1000, 1500), (1700, 1900), (1700, 1901), (0, 2000)]) == [.began, .ended(700), .began, .ended(300)])
  }
}
