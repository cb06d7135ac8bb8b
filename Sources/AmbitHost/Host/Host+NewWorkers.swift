internal import AmbitConfig
internal import AmbitPlugins
internal import AmbitSystem
internal import Logging
internal import Synchronization

// New workers for what those that serve cannot take over.

extension Host {
  /// Puts new workers in the place of those that serve if something has changed that a running worker cannot take over:
  /// a key, a library that is used in place, or one that a plugin is linked with. Blocks until they serve.
  /// - Parameters:
  ///   - later: the generations that only new workers can load.
  ///   - changes: gets those of `later`.
  /// - Returns: what has changed, and why workers were not replaced, a line each.
  func replaceWorkers(
    _ new: HostConfiguration, _ text: ConfigurationText, _ confinement: Confinement, _ later: ReloadPlan,
    _ changes: inout [PluginChange]
  ) -> (reasons: [String], failures: [String]) {
    guard let children else { return ([], []) }
    let keys = workers.keysNeedingNewWorkers(new).map { "\($0) has changed" }
    let libraries =
      changes.filter { $0.inUse?.isReplaced == true }.map { "library \($0.file) was replaced" }
      + later.generations.map { "a library was replaced that \($0.file) is linked with" }
    guard !keys.isEmpty || !libraries.isEmpty else { return ([], []) }
    let order = WorkerGroup.ReplacementOrder(
      reason: (keys + libraries).joined(separator: ", "), isForAll: !libraries.isEmpty, confinement: confinement,
      plan: later)
    let failures = replaceWorkers(new, text, order, children)
    if workers.serves(later) { adopt(later, &changes) } else { repository.discard(later) }
    return (keys + libraries, failures)
  }

  /// See `WorkerGroup.replaceWorkers`. Nothing is rolled back meanwhile, so new workers wait for no roll-back.
  private func replaceWorkers(
    _ new: HostConfiguration, _ text: ConfigurationText, _ order: WorkerGroup.ReplacementOrder,
    _ children: ChildProcesses
  ) -> [String] {
    workers.faults.whileControlThread(.replacesWorkers) {
      workers.replaceWorkers(by: new, text, order, children: children)
    }
  }

  /// Puts new workers in the place of those that serve, because only these can load the generations of a roll-back.
  /// - Throws: if they do not serve them.
  func replaceWorkers(toServe plan: ReloadPlan) throws(HostError) {
    guard let children else { return }
    let text = workers.service.withLock { $0.text }
    let files = plan.generations.map(\.file).joined(separator: ", ")
    let order = WorkerGroup.ReplacementOrder(
      reason: "another version of a library is loaded than \(files) is rolled back to", isForAll: true,
      confinement: repository.confinement, plan: plan)
    let failures = replaceWorkers(configuration, text, order, children)
    guard workers.serves(plan) else {
      repository.discard(plan)
      throw HostError(failures)
    }
    for line in failures { logger.error("\(line)") }
  }

  /// Records what new workers serve.
  private func adopt(_ later: ReloadPlan, _ changes: inout [PluginChange]) {
    for planned in later.generations {
      let kind: PluginChange.Kind = repository.serving[planned.name] == nil ? .added : .changed
      changes.removeAll { $0.name == planned.name }
      changes.append(
        PluginChange(
          kind: kind, name: planned.name, file: planned.file, generation: planned.label,
          notes: later.notes[planned.file] ?? []))
    }
    guard !later.generations.isEmpty else { return }
    repository.adopt(later)
    for change in changes where later.generations.contains(where: { $0.name == change.name }) {
      log(change, of: repository.serving[change.name])
    }
    keepLastGood()
    changes.sort(by: PluginChange.inTables)
  }
}
