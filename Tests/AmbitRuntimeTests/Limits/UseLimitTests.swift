import AmbitCore
import AmbitSystem
import Synchronization
import TestSupport
import Testing

@testable import AmbitRuntime

@Suite struct UseLimits {
  private func makeUse(_ loops: Int, jobs: Int) -> GenerationUse {
    var limits = PluginLimits()
    limits.jobs = jobs
    return GenerationUse(of: "plugin", label: "plugin/1", limits: limits, loops: loops)
  }

  @Test(arguments: [1, 2, 3, 8, 100, 1_000])
  func `Loops get all of a limit and no more, however they divide it among themselves`(limit: Int) {
    for loops in 1...4 {
      let use = makeUse(loops, jobs: limit)
      var random = SeededGenerator(seed: UInt64(limit * loops))
      var (taken, elsewhere) = (Array(repeating: 0, count: loops), 0)
      for _ in 0..<5_000 {
        let loop = Int.random(in: 0..<loops, using: &random)
        let total = taken.reduce(elsewhere, +)
        let counter = use.use(onLoop: loop).jobs
        switch Int.random(in: 0...9, using: &random) {
        case 0...3 where taken[loop] > 0:
          let amount = Int.random(in: 1...taken[loop], using: &random)
          counter.giveBack(amount)
          taken[loop] -= amount
        case 0...3: break
        case 4 where elsewhere > 0:
          use.jobs.returnTaken()
          elsewhere -= 1
        case 4:
          #expect(use.jobs.takeElsewhere() == (total < limit))
          if total < limit { elsewhere += 1 }
        default:
          let amount = Int.random(in: 1...3, using: &random)
          #expect(counter.take(amount) == (total + amount <= limit))
          if total + amount <= limit { taken[loop] += amount }
        }
        #expect(use.jobs.report.used == taken.reduce(elsewhere, +))
      }
    }
  }

  @Test func `Threads that take at the same time never have more than the limit together`() {
    let (loops, limit) = (4, 5)
    let use = makeUse(loops, jobs: limit)
    let present = Atomic(0)
    let most = Atomic(0)
    let ended = Latch<Void>(expected: loops)
    for loop in 0..<loops {
      let counter = use.use(onLoop: loop).jobs
      let thread = try? SystemThread(for: "a loop") {
        for _ in 0..<20_000 {
          var taken = 0
          while taken < 3, counter.take() {
            taken += 1
            most.max(present.add(1, ordering: .sequentiallyConsistent).newValue, ordering: .relaxed)
          }
          present.subtract(taken, ordering: .sequentiallyConsistent)
          counter.giveBack(taken)
        }
        ended.arrive(())
      }
      thread?.detach()
    }
    _ = ended.wait()
    #expect(most.load(ordering: .relaxed) <= limit)
    #expect(use.jobs.report.used == 0)
  }

  @Test func `A lower limit leaves what is in use and refuses more; a higher one lets it through at once`() {
    let use = makeUse(2, jobs: 100)
    let counter = use.use(onLoop: 1).jobs
    #expect((0..<20).allSatisfy { _ in counter.take() })
    var limits = PluginLimits()
    limits.jobs = 10
    use.set(limits)
    #expect(!counter.take())
    #expect(use.jobs.report == LimitReport(used: 20, limit: 10, refused: 1))
    counter.giveBack(11)
    #expect(counter.take() && !counter.take())
    limits.jobs = 11
    use.set(limits)
    #expect(counter.take() && !counter.take())
    #expect(use.jobs.report == LimitReport(used: 11, limit: 11, refused: 3))
  }

  @Test func `Without limits nothing is refused, and no limit is reported`() {
    let use = GenerationUse(of: "host", label: "host/1", limits: .none, loops: 2)
    let counter = use.use(onLoop: 0).memory
    #expect(counter.take(1 << 60) && counter.take(1 << 60))
    #expect(use.memory.report == LimitReport(used: 2 << 60, limit: nil, refused: 0))
  }

  @Test func `What different workers use of a limit is added up`() {
    let one = LimitReport(used: 1, limit: 10, refused: 2)
    #expect(one + LimitReport(used: 3, limit: 10, refused: 4) == LimitReport(used: 4, limit: 20, refused: 6))
    #expect((one + LimitReport(used: .max, limit: nil, refused: 0)).limit == nil)
  }
}

@Suite struct LimitEpisodes {
  private static let second: Int64 = 1_000_000_000

  @Test func `Refusals that follow each other are one episode, which ends when none came for ten seconds`() {
    var episode = LimitEpisode()
    #expect(episode.end(at: 0) == nil)
    #expect((0..<40).map { episode.refuse(at: $0 * 9 * Self.second) } == [true] + Array(repeating: false, count: 39))
    let last = 39 * 9 * Self.second
    #expect(episode.end(at: last + 9 * Self.second) == nil)
    #expect(episode.end(at: last + 10 * Self.second) == LimitEpisode.End(refused: 40, duration: last))
    #expect(episode.end(at: last + 20 * Self.second) == nil && !episode.isUnderWay)
    #expect(episode.refuse(at: last + 21 * Self.second) && episode.total == 41)
  }
}
