internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging
internal import Synchronization

// The program of the host replaces itself by another one, in the same process: the listening sockets stay open, and the
// workers serve until those of the new program do.

extension Host {
  /// How long clients of the admin API may take to read their answer before the program is replaced, in nanoseconds.
  private static var timeToAnswer: Int64 { 1_000_000_000 }

  /// Carries out the next order to upgrade. Does not return if the new program takes over.
  func upgrade() {
    guard let (program, answer) = upgrades.next() else { return }
    let order = UpgradeOrder(number: state.countUpgrade(), program: program)
    var report = UpgradeReport(
      order: order, began: Clock.wall, start: Clock.monotonic, from: "\(AmbitVersion.text)",
      oldProgram: HostProcess.binary, result: .underway)
    do throws(HostError) {
      guard let children else {
        throw HostError([
          "this host runs in one process (--single), so nothing would serve during an upgrade; stop it and start the new "
            + "program"
        ])
      }
      try DescriptorReserve.shared.lend { () throws(HostError) in
        logger.info("upgrade: checking the new program", metadata: ["program": "\(program)"])
        _ = try source.textAgain()
        // A check that is broken off leaves its copies behind.
        defer { repository.copies.removeAbandoned() }
        try UpgradeProbe.check(program, source, timeout: timeToStart, unless: repository.isStopping)
        let states = try inheritance()
        try replaceProgram(report, states, children, answer)
      }
    } catch {
      (report.result, report.reasons, report.duration) = (.refused, error.lines, Clock.monotonic - report.start)
      for line in report.lines { logger.error("\(line)") }
      state.record(report)
      answer.arrive(report)
    }
  }

  /// How long the check and the start of the new program may each take, in nanoseconds: the dry run and the `start` of
  /// each plugin are limited.
  private var timeToStart: Int64 {
    30_000_000_000 + (configuration.dryRunTimeout * 3 * (repository.serving.count + 1)).wholeNanoseconds
  }

  /// What the plugins hand over in each worker.
  /// - Throws: if the `save` of one fails: its state would be lost.
  private func inheritance() throws(HostError) -> [TakeOver.PluginState] {
    let plugins = repository.serving.values.filter { !$0.isLibrary }.map(\.name)
    let limit = configuration.dryRunTimeout
    let answers = WorkerGroup.onAll(workers.present) { index, worker in
      Result { () throws(PluginError) in
        var states: [TakeOver.PluginState] = []
        for plugin in plugins {
          guard let state = try worker.save(plugin, within: limit) ?? nil else { continue }
          states.append(TakeOver.PluginState(plugin: plugin, worker: index, state: state))
        }
        return states
      }
    }
    var states: [TakeOver.PluginState] = []
    do throws(PluginError) {
      for answer in answers { states += try answer.get() }
    } catch {
      throw HostError(error.problems.map(\.description))
    }
    return states.filter(isSmallEnough)
  }

  private func isSmallEnough(_ state: TakeOver.PluginState) -> Bool {
    guard state.state.size > Preparation.largestKeptState else { return true }
    logger.warning(
      """
      plugin \(state.plugin) hands over \(state.state.size) bytes in worker \(state.worker); an upgrade carries at most \
      \(Preparation.largestKeptState), so the plugin starts without this state
      """, metadata: ["plugin": "\(state.plugin)"])
    return false
  }

  /// - Throws: if the new program cannot be run. Then nothing has changed.
  private func replaceProgram(
    _ report: UpgradeReport, _ states: [TakeOver.PluginState], _ children: ChildProcesses,
    _ answer: Latch<UpgradeQueue.Answer>
  ) throws(HostError) {
    let file: Int32
    do throws(SystemError) { file = try ProgramReplacement.openOwnProgram() } catch { throw HostError(error) }
    defer { ProgramReplacement.close(file) }
    try repository.failIfStopping()
    logger.notice(
      "upgrade: the new program takes over; the workers serve on until its workers do",
      metadata: ["program": "\(report.order.program)"])
    service.reloading()
    // Before the answer: the client asks at once what has become of the order.
    state.record(report)
    answer.arrive(report)
    upgrades.close(isForGood: false)
    let end = Clock.monotonic + Self.timeToAnswer
    while admin?.isIdle == false, Clock.monotonic < end, !signals.isTerminating { pauseThread(.milliseconds(5)) }
    let text = workers.service.withLock { $0.text }
    guard signals.hold() else { throw .interruption }
    // The new program has no access to what they note.
    let recorders = workers.allSlots.flatMap(\.workers).compactMap(\.recorder)
    for recorder in recorders { recorder.tell(hasReader: false) }
    let error = children.withoutChanges { processes in
      takeOver(report, text, states, file, processes).run(report.order.program)
    }
    for recorder in recorders { recorder.tell(hasReader: true) }
    signals.release()
    service.ready(status: serviceStatus)
    throw HostError(error)
  }

  private func takeOver(
    _ report: UpgradeReport, _ text: ConfigurationText, _ states: [TakeOver.PluginState], _ programFile: Int32,
    _ processes: [SupervisedProcess]
  ) -> TakeOver {
    let slots = workers.slots.withLock { $0 }
    let members = workers.allSlots.flatMap(\.workers)
    let serving = Set(workers.present.map(\.worker.pid))
    let predecessors = workers.predecessors.handedOver
    // A process that is not known to its place yet loses its connection, and ends by itself.
    let living = processes.compactMap { process -> TakeOver.Worker? in
      guard let worker = members.first(where: { $0.pid == process.number }) else {
        return predecessors.first { $0.pid == process.number }
      }
      return TakeOver.Worker(
        index: worker.index, pid: worker.pid, mark: "\(process.mark)", isDraining: !serving.contains(worker.pid),
        connection: worker.connectionNumber)
    }
    return TakeOver(
      order: report.order, version: report.from, program: HostProcess.binary, programFile: programFile,
      hostBegan: state.began, began: report.began, start: report.start, startLimit: timeToStart,
      configuration: text, listeners: listeners.legacies,
      workers: living, crashes: slots.map(\.status.crashes), generationNumbers: repository.generationNumbers,
      states: states)
  }
}

// The new program.

extension Host {
  /// Adopts what the program before has handed over. Before processes are supervised.
  func receive(_ takeOver: TakeOver) {
    let source = takeOver.isFallBack ? "the program that should have taken over" : "ambit \(takeOver.version)"
    logger.notice(
      "upgrade: taking over from \(source)",
      metadata: ["sockets": "\(takeOver.listeners.count)", "workers": "\(takeOver.workers.count)"])
    listeners.add(takeOver.listeners)
    state.begin(takeOver)
    workers.inherit(takeOver)
  }

  /// Falls back to the program before if this one does not serve in time.
  func watchStart(_ takeOver: TakeOver, _ children: ChildProcesses) {
    onOwnThread { [state, signals] in
      let end = Clock.monotonic + takeOver.startLimit
      while Clock.monotonic < end {
        pauseThread(.milliseconds(100))
        if state.current.phase != .starting { return }
      }
      let limit = takeOver.startLimit / 1_000_000_000
      let error = HostError(["it has not served within \(limit) s"])
      guard signals.hold() else { return }
      takeOver.fallBack(because: error, supervising: children)
      HostProcess.exit(1)
    }
  }

  /// Ends what this program has begun, and runs the one before again. The workers of that one serve on. Returns if that
  /// fails.
  func fallBack(_ takeOver: TakeOver, because error: HostError) {
    guard let children, !takeOver.isFallBack else { return }
    logger.error("upgrade: the new program cannot start, so the one before runs again: \(error)")
    admin?.drain(within: 100_000_000)
    let deadline = ShutdownDeadline(since: Clock.monotonic, drain: .zero, cancelGrace: initial.cancelGrace)
    _ = workers.leave(by: deadline) { _ in } isStopping: {}
    repository.copies.remove()
    guard signals.hold() else { return }
    takeOver.fallBack(because: error, supervising: children)
    signals.release()
  }

  /// The new workers serve: those of the program before finish their requests.
  /// - Parameter changes: what the plugins have become.
  func finish(_ takeOver: TakeOver, _ opening: ListenerSet.Change, _ changes: [PluginChange]) {
    ProgramReplacement.close(takeOver.programFile)
    listeners.commit(opening) { _ in true }
    workers.inherited.withLock { $0 = [:] }
    workers.predecessors.release(
      drain: configuration.drainTimeout, cancelGrace: initial.cancelGrace, newWorkersServe: true)
    onOwnThread { [predecessors = workers.predecessors, copies = repository.copies] in
      // The last one removes them itself, unless it is killed.
      if predecessors.ended.wait() != nil { copies.removeAbandoned() }
    }
    var report = UpgradeReport(
      order: takeOver.order, began: takeOver.began, start: takeOver.start, from: takeOver.version,
      oldProgram: takeOver.program, result: .done)
    report.reasons = takeOver.failure + refusals(changes)
    if !report.reasons.isEmpty { report.result = .partial }
    if takeOver.isFallBack { report.result = .fallenBack }
    report.duration = Clock.monotonic - takeOver.start
    state.record(report)
    for line in report.lines { logger.log(level: report.result == .done ? .notice : .error, "\(line)") }
  }

  /// Why plugins and libraries do not serve their present files, a line each.
  private func refusals(_ changes: [PluginChange]) -> [String] {
    let lastGood = repository.serving.values.filter(\.isLastGoodCopy).sorted { $0.name < $1.name }
    return changes.flatMap(\.reasons)
      + lastGood.flatMap { plugin in
        (plugin.refusal?.problems.map(\.description) ?? []) + [
          "\(plugin.kind) \(plugin.name) serves its last good copy, because its file is refused"
        ]
      }
  }
}

extension WorkerGroup {
  /// Adopts the workers of the program before. Before `ChildProcesses.begin`.
  func adopt(_ takeOver: TakeOver, by children: ChildProcesses) {
    predecessors.adopt(takeOver.workers, by: children) { [unowned self] in
      // The kernel may have woken that one, and no other, for clients that wait.
      BacklogWatch.look(at: openSockets.withLock { $0 })
    }
  }

  /// Keeps what the workers of the program before have handed over. They run jobs with `AMBIT_JOB_ONCE` until they end.
  func inherit(_ takeOver: TakeOver) {
    inherited.withLock { inherited in
      for state in takeOver.states { inherited[state.plugin, default: [:]][state.worker] = state.state }
    }
    once.holdBack(until: predecessors.ended)
  }

  /// The generation with the state that a worker of the program before has handed over: the one at the same place, or
  /// else another one.
  func inheriting(_ planned: PlannedGeneration, _ index: Int) -> PlannedGeneration {
    guard let states = inherited.withLock({ $0[planned.name] }) else { return planned }
    var planned = planned
    planned.handedOver = states[index] ?? states.min { $0.key < $1.key }?.value
    return planned
  }
}
