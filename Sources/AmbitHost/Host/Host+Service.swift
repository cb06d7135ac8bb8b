internal import AmbitCore
internal import AmbitSystem

// What the service manager is told: see `ServiceManager`.

extension Host {
  var service: ServiceManager { .ofProcess }

  /// What `systemctl status` shows of a host that serves: "serving 3 plugins, 2 workers", how often workers have crashed,
  /// how many last good copies serve, and whether the last reload failed.
  var serviceStatus: String {
    var status = "serving \(repository.serving.values.count { !$0.isLibrary }.pluralized("plugin"))"
    if children != nil {
      status += ", \(workers.present.count.pluralized("worker"))"
      let crashes = workers.crashCount
      if crashes > 0 { status += "; workers have crashed \(crashes.pluralized("time")), see the log" }
    }
    let refused = repository.serving.values.count { $0.isLastGoodCopy }
    if refused > 0 {
      let consequence = refused == 1 ? "its last good copy serves" : "their last good copies serve"
      status += "; \(refused.pluralized("file")) refused, \(consequence)"
    }
    let quarantined = workers.faults.ledger.quarantines.keys.sorted()
    if !quarantined.isEmpty { status += "; quarantined: \(quarantined.joined(separator: ", "))" }
    if let last = state.current.reloads.last, last.result != .done {
      status += "; the last reload \(last.result == .partial ? "has failures" : "was refused"), see the log"
    }
    return status
  }

  /// Tells the service manager while all loops turn. In an upgrade the workers of the program before serve until those of
  /// this one do: it tells while they live, as long as the start may take.
  func startServiceWatchdog(_ takeOver: TakeOver?) throws(HostError) {
    let startEnd = takeOver.map { Clock.monotonic + $0.startLimit }
    try ServiceWatchdog.start(service) { [workers, state] timeout in
      if let startEnd, state.current.phase == .starting {
        return workers.predecessors.serve && Clock.monotonic < startEnd
      }
      return workers.isEverythingTurning(within: timeout)
    }
  }

  /// Tells the service manager that the host stops.
  func tellServiceOfStop(by deadline: ShutdownDeadline) {
    service.stopping(within: deadline.lastMoment - Clock.monotonic, status: "stopping")
  }
}
