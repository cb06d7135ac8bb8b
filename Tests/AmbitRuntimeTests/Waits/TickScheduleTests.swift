import TestSupport
import Testing

@testable import AmbitRuntime

@Suite struct TickSchedules {
  @Test func `Ticks are due at multiples of the interval, however late each tick is`() {
    var schedule = TickSchedule(interval: 100, startingAt: 1_000)
    var due = [schedule.due]
    for late: Int64 in [0, 1, 99, 100, 0] {
      schedule.advance(to: schedule.due + late)
      due.append(schedule.due)
    }
    #expect(due == [1_100, 1_200, 1_300, 1_400, 1_500, 1_600])
  }

  @Test(arguments: [(1_100, 1_200), (1_200, 1_200), (1_201, 1_300), (1_300, 1_300), (1_301, 1_400), (9_999, 10_000)])
  func `Missed ticks are skipped`(now: Int64, due: Int64) {
    var schedule = TickSchedule(interval: 100, startingAt: 1_000)
    schedule.advance(to: now)
    #expect(schedule.due == due)
  }

  @Test func `No tick is due beyond the end of time`() {
    var schedule = TickSchedule(interval: .max, startingAt: 5)
    #expect(schedule.due == .max)
    schedule.advance(to: .max)
    #expect(schedule.due == .max)
    schedule = TickSchedule(interval: .max / 2, startingAt: .max / 2)
    schedule.advance(to: .max - 1)
    #expect(schedule.due == .max)
  }

  @Test func `A schedule agrees with counting the intervals one by one`() {
    var random = SeededGenerator(seed: 1)
    for _ in 0..<1_000 {
      let interval = Int64(random.number(1...1_000))
      let start = Int64(random.number(0...1_000_000))
      let now = start + Int64(random.number(0...1_000_000))
      var schedule = TickSchedule(interval: interval, startingAt: start)
      schedule.advance(to: now)
      var due = start + 2 * interval
      while due < now { due += interval }
      #expect(schedule.due == due, "interval \(interval), start \(start), now \(now)")
    }
  }
}
