import AmbitRuntime
import CAmbit

/// What many jobs cost at once, on stacks that were used before.
struct SleepingJobs {
  private let scope: ScopeHandle

  init(in scope: ScopePointer) { self.scope = scope.asHandle }

  func measure() {
    measureEnd("1,000 sleeping jobs: cancel all", jobs: 1000, rounds: 20, budget: 500_000)
    measureEnd("100,000 sleeping jobs: cancel all", jobs: 100_000, rounds: 1)
    measureLives("sleeping job, whole life, of 1,000", jobs: 1000, rounds: 100)
    measureLives("sleeping job, whole life, of 10,000", jobs: 10_000, rounds: 10)
    measureLives("sleeping job, whole life, of 100,000", jobs: 100_000, rounds: 1)
  }

  /// From the cancel until the last job has ended and the scope is closed.
  private func measureEnd(_ name: String, jobs: Int, rounds: Int, budget: Double? = nil) {
    measureFigure(name, budget: budget, operations: rounds) {
      (0..<rounds).reduce(0) { sum, _ in
        let child = scope.openChild(withSleepers: jobs)
        return sum + processorTime { child.close() }
      }
    }
  }

  private func measureLives(_ name: String, jobs: Int, rounds: Int) {
    measureFigure(name, budget: 200, operations: jobs * rounds) {
      processorTime {
        for _ in 0..<rounds { scope.openChild(withSleepers: jobs).close() }
      }
    }
  }
}
