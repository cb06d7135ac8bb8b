/// How many workers and event loops a host runs.
package struct WorkerPlan: Sendable, Equatable {
  /// The number of worker processes, at least 1. A host that is a single process has one worker in it.
  package let workers: Int
  /// The number of event loops of each worker, at least 1.
  package let threadsPerWorker: Int

  package init(workers: Int, threadsPerWorker: Int) {
    (self.workers, self.threadsPerWorker) = (workers, threadsPerWorker)
  }
}

extension HostConfiguration {
  /// How many workers and event loops `workers` and `threads` ask for.
  /// - Parameters:
  ///   - usableCPUs: how many CPUs the host may use, at least 1.
  ///   - isSingle: the host is a single process, which has one worker whatever `workers` says.
  package func workerPlan(usableCPUs: Int, isSingle: Bool = false) -> WorkerPlan {
    if isSingle { return WorkerPlan(workers: 1, threadsPerWorker: threads == 0 ? usableCPUs : threads) }
    if workers == 0 { return WorkerPlan(workers: usableCPUs, threadsPerWorker: 1) }
    return WorkerPlan(workers: workers, threadsPerWorker: threads == 0 ? max(usableCPUs / workers, 1) : threads)
  }

  /// What a host that is a single process has to say about `workers`; nil if it says one worker.
  package var singleProcessNotice: String? {
    guard workers != 1 else { return nil }
    return "--single runs one worker, in the process of the host; workers = \(workers) has no effect"
  }

  /// What an operator should know who runs a single process although this configuration confines workers; nil if it does
  /// not.
  package var unconfinedNotice: String? {
    let keys = ConfigurationKey.confining.filter { $0.differs(self, .defaults) }.map(\.path.description)
    guard !keys.isEmpty else { return nil }
    return """
      --single runs plugins in the process of the host, with all its rights; \(keys.joined(separator: ", ")) \
      \(keys.count == 1 ? "has" : "have") no effect
      """
  }

  /// What an operator should know who runs a single process although this configuration says what follows a crash of a
  /// worker; nil if it does not.
  package var unsupervisedNotice: String? {
    let keys = ConfigurationKey.supervising.filter { $0.differs(self, .defaults) }.map(\.path.description)
    guard !keys.isEmpty else { return nil }
    return """
      --single has no supervisor: a crash of a plugin ends the host, and a loop that hangs is logged only; \
      \(keys.joined(separator: ", ")) \(keys.count == 1 ? "has" : "have") no effect
      """
  }
}
