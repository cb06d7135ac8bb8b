import AmbitRuntime
import CAmbit

/// What it costs that one job goes on where another stopped.
struct Switches {
  private let scope: ScopeHandle

  init(in scope: ScopePointer) { self.scope = scope.asHandle }

  func measure() {
    measureYields("switch, 2 jobs yield in turn", jobs: 2, yields: 500_000)
    measureYields("switch, 1,000 jobs yield in turn", jobs: 1000, yields: 1000)
  }

  private func measureYields(_ name: String, jobs: Int, yields: Int) {
    measureFigure(name, budget: 20, operations: jobs * yields) {
      let child = scope.openChild()
      for _ in 0..<jobs { child.spawn(yieldRepeatedly, UnsafeMutableRawPointer(bitPattern: yields)) }
      let time = processorTime(of: { require(ambit_join_all(child, -1)) })
      child.close()
      return time
    }
  }
}

/// Yields as many times as the bits of its argument say.
private func yieldRepeatedly(_ scope: ScopeHandle?, _ yields: UnsafeMutableRawPointer?) -> Int32 {
  for _ in 0..<Int(bitPattern: yields) { _ = ambit_yield(scope) }
  return AMBIT_OK
}
