import AmbitRuntime
import CAmbit

/// What a job costs from the call that makes it until nothing is left of it. Jobs come in hundreds, as the ready queue
/// of a busy loop has them.
struct Jobs {
  private static let batch = 100
  private static let batches = 2000
  private let scope: ScopeHandle

  init(in scope: ScopePointer) { self.scope = scope.asHandle }

  func measure() {
    measureFigure("job: spawn, run, hook, release", budget: 150, operations: Self.batch * Self.batches) {
      var options = ambit_default_job_options(nil)
      options.on_end = { _, _, _ in }
      return processorTime {
        for _ in 0..<Self.batches { runBatch(&options) }
      }
    }
    measureFigure("job: spawn, start, sleep, cancel", budget: 200, operations: Self.batch * Self.batches) {
      processorTime {
        for _ in 0..<Self.batches { scope.openChild(withSleepers: Self.batch).close() }
      }
    }
  }

  private func runBatch(_ options: inout ambit_job_options) {
    for _ in 0..<Self.batch { require(ambit_spawn(scope, { _, _ in AMBIT_OK }, nil, &options, nil)) }
    require(ambit_yield(scope))
  }
}
