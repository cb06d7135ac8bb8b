import AmbitSystem
import Synchronization
import TestSupport
import Testing

@testable import AmbitRuntime

/// Who may run jobs with `AMBIT_JOB_ONCE`.
@Suite struct `Who runs once jobs` {
  @Test func `Only a designated worker runs them`() {
    let jobs = OnceJobs(isDesignated: false)
    let generation = jobs.add(generationOf: "plugin")
    #expect(!generation.begin() && jobs.haveEnded)
    jobs.designate(true) {}
    #expect(generation.begin() && !jobs.haveEnded)
  }

  @Test func `The end is told once, when the last job has ended`() {
    let jobs = OnceJobs()
    let generations = ["one", "two"].map { jobs.add(generationOf: $0) }
    let count = Atomic(0)
    for generation in generations { #expect(generation.begin()) }
    for _ in 1...2 { jobs.designate(false) { count.add(1, ordering: .relaxed) } }
    generations[0].end()
    #expect(count.load(ordering: .relaxed) == 0 && !jobs.haveEnded)
    generations[1].end()
    #expect(count.load(ordering: .relaxed) == 2 && jobs.haveEnded, "everybody who asked")
    jobs.designate(false) { count.add(10, ordering: .relaxed) }
    #expect(count.load(ordering: .relaxed) == 12, "at once")
  }

  @Test func `The end is not told if the worker is designated again before`() {
    let jobs = OnceJobs()
    let generation = jobs.add(generationOf: "plugin")
    #expect(generation.begin())
    jobs.designate(false) { Issue.record("the job has not ended, or may begin again") }
    jobs.designate(true) {}
    generation.end()
    #expect(generation.begin())
  }

  @Test func `A new generation waits until the old one is retired and its jobs have ended`() {
    let jobs = OnceJobs()
    let (old, new) = (jobs.add(generationOf: "plugin"), jobs.add(generationOf: "plugin"))
    let other = jobs.add(generationOf: "other")
    let changes = Atomic(0)
    jobs.onChange { changes.add(1, ordering: .relaxed) }
    #expect(old.begin() && !new.begin() && other.begin())
    old.retire()
    #expect(!old.begin() && !new.begin())
    #expect(changes.load(ordering: .relaxed) == 0)
    old.end()
    #expect(changes.load(ordering: .relaxed) == 1, "those that wait ask again")
    #expect(new.begin() && !old.begin())
  }

  @Test func `A new generation that is given up does not change who may run them`() {
    let jobs = OnceJobs()
    let (old, new) = (jobs.add(generationOf: "plugin"), jobs.add(generationOf: "plugin"))
    new.retire()
    new.retire()
    #expect(old.begin() && !new.begin())
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func `Never do two generations of a plugin run them at a time, whatever happens in which order`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let jobs = OnceJobs()
    var generations: [(generation: OnceGeneration, running: Int, isRetired: Bool)] = []
    var isDesignated = true
    for step in 1...500 {
      let index = generations.indices.randomElement(using: &random)
      switch random.number(1...10) {
      case 1: generations.append((jobs.add(generationOf: "plugin"), 0, false))
      case 2:
        isDesignated.toggle()
        jobs.designate(isDesignated) {}
      case 3:
        guard let index else { continue }
        generations[index].generation.retire()
        generations[index].isRetired = true
      case 4...7:
        guard let index else { continue }
        let mayRun =
          isDesignated && !generations[index].isRetired
          && generations[..<index].allSatisfy { $0.isRetired && $0.running == 0 }
        #expect(generations[index].generation.begin() == mayRun, "step \(step)")
        if mayRun { generations[index].running += 1 }
      default:
        guard let index, generations[index].running > 0 else { continue }
        generations[index].generation.end()
        generations[index].running -= 1
      }
      #expect(generations.filter { $0.running > 0 }.count <= 1)
      #expect(jobs.haveEnded == (!isDesignated && generations.allSatisfy { $0.running == 0 }))
    }
  }
}
