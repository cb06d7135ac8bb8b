import AmbitCore
import CAmbit

@testable import AmbitRuntime

extension Stage {
  /// What all jobs on the stage are doing, in the order of the tree.
  var jobs: [JobReport] {
    ScopeTreeWalk.tree(of: loop).entries.compactMap { entry in
      if case .job(let job) = entry.subject { job } else { nil }
    }
  }
}

extension ScopeHandle {
  /// Spawns a job that does `work`, then sleeps until it is cancelled, and of whose end nothing is noted.
  @discardableResult
  func spawnSleeper(_ name: String, after work: @escaping () -> Void = {}) -> Spawned {
    name.withCString { name in
      spawn(options: { $0.name = name }, ended: { _, _ in }) { scope in
        work()
        return scope.sleep()
      }
    }
  }
}
