internal import AmbitConfig
internal import AmbitCore
internal import AmbitSystem
internal import Logging
internal import Synchronization

// The places of workers, and what they are started with.

extension WorkerGroup {
  /// The most workers whose connections are counted together.
  static var slotsOfCounters: Int { 256 }
  /// How long the first workers may take to serve, in nanoseconds.
  private static var timeToStart: Int64 { 30_000_000_000 }

  /// Starts the workers. Does not wait: see `awaitStart`.
  /// - Throws: if the system has no more threads.
  func start(_ settings: WorkerSettings, children: ChildProcesses) throws(HostError) {
    counters.withLock { $0 = SharedCounters(slots: Self.slotsOfCounters) }
    let made = (1...settings.count).map { WorkerSlot($0, settings, children: children, in: self) }
    slots.withLock { $0 = made }
    for slot in made { try slot.start() }
  }

  /// Waits until each worker serves.
  /// - Throws: if one does not start.
  func awaitStart() throws(HostError) {
    for slot in slots.withLock({ $0 }) {
      guard let result = slot.firstStart.wait(timeout: Self.timeToStart, unless: isStopping) else {
        if isStopping() { throw .interruption }
        throw HostError(["worker \(slot.index) does not start: it has not served within 30 s"])
      }
      if let error = result[0] {
        if isStopping() { throw .interruption }
        throw HostError(error.lines.map { "worker \(slot.index) does not start: \($0)" })
      }
    }
  }

  /// Waits until each worker serves or has failed to start.
  /// - Returns: whether all serve. If not, the host does not start: see `awaitStart`.
  func haveStarted() -> Bool {
    slots.withLock { $0 }.allSatisfy { slot in
      guard let result = slot.firstStart.wait(timeout: Self.timeToStart, unless: isStopping) else { return false }
      return result[0] == nil
    }
  }

  /// How often workers of the present places have crashed. From any thread.
  var crashCount: Int { slots.withLock { $0 }.reduce(0) { $0 + $1.status.crashes } }

  /// See `Worker.accept`. Workers that start later accept connections on these sockets, too.
  func accept(on new: [ListeningSocket]) {
    service.withLock { service in
      service.sockets += new
      openSockets.withLock { $0 = service.sockets }
      _ = order(present) { $1.accept(on: new) }
    }
  }

  /// See `Worker.stopAccepting`. Blocks.
  func stopAccepting(on socket: ListeningSocket) -> Bool {
    service.withLock { service in
      service.sockets.removeAll { $0.id == socket.id }
      openSockets.withLock { $0 = service.sockets }
      return order(present) { $1.stopAccepting(on: socket) }.allSatisfy(\.answer)
    }
  }

  /// Uses what a configuration says about limits from now on, in the workers that serve and in those that start later.
  /// What a running worker cannot take over stays as it is: see `replaceWorkers`.
  /// - Returns: whether every loop uses the limits. A blocked loop takes them when it runs again.
  func use(_ configuration: HostConfiguration, _ text: ConfigurationText) -> Bool {
    faults.use(configuration)
    for slot in allSlots { slot.settings.withLock { $0.use(configuration) } }
    return service.withLock { service in
      service.use(configuration, text)
      return order(present) { $1.replaceLimits(by: configuration, text) }.allSatisfy(\.answer)
    }
  }

  /// Uses another `hang_limit` from now on, also for loops that are blocked already. Asks no worker.
  /// - Returns: whether it is another one.
  func use(hangLimit: Duration?) -> Bool {
    allSlots.map { slot in slot.settings.withLock { $0.use(hangLimit: hangLimit) } }.contains(true)
  }

  /// Notes that all processes of workers are about to be killed, which is no crash. From any thread.
  func noteKill() { for slot in allSlots { slot.noteKill() } }

  /// All places of workers, also those that were given up and whose workers still drain.
  var allSlots: [WorkerSlot] { slots.withLock { $0 } + formerSlots.withLock { $0 } }
}

// New workers in the place of those that serve, because they cannot take a change over.

extension WorkerGroup {
  /// What new workers are for.
  struct ReplacementOrder {
    /// What has changed, for the log.
    let reason: String
    /// Also those workers are replaced that were started with the same values.
    let isForAll: Bool
    /// What the new workers give up.
    let confinement: Confinement
    /// The generations that only new workers can load.
    let plan: ReloadPlan
  }

  /// Whether workers that start from now on serve the generations of a plan.
  func serves(_ plan: ReloadPlan) -> Bool {
    let generations = service.withLock { $0.generations }
    return plan.generations.allSatisfy { generations[$0.name]?.label == $0.label }
  }

  /// The keys whose values in a configuration a worker of this host cannot take over, because it was started with
  /// others.
  func keysNeedingNewWorkers(_ configuration: HostConfiguration) -> [String] {
    var keys: [String] = []
    let slots = slots.withLock { $0 }
    for slot in slots {
      let present = slot.settings.withLock { $0.configuration }
      keys += configuration.keysNeedingNewWorkers(since: present).filter { !keys.contains($0) }
    }
    // A worker that was added, and did not start, has left no place.
    let count = configuration.workerPlan(usableCPUs: UsableCPUs.current.count).workers
    if !isInProcess, count != slots.count, !keys.contains("workers") { keys.append("workers") }
    return keys
  }

  /// Puts other workers in the place of those that serve, one after the other, without a break: each serves before its
  /// predecessor stops accepting connections. Starts further places, or gives places up, if the number of workers has
  /// changed. Blocks until all of them serve; the old workers finish their requests meanwhile.
  ///
  /// If one does not start, its predecessor serves on, with what it was started with, and the rest stays as it is.
  /// - Returns: why a worker was not replaced, a line each.
  func replaceWorkers(
    by configuration: HostConfiguration, _ text: ConfigurationText, _ order: ReplacementOrder,
    children: ChildProcesses
  ) -> [String] {
    let old = slots.withLock { $0 }
    let before = service.withLock { $0 }
    var faultsBefore: Faults.State?
    if !order.plan.generations.isEmpty {
      service.withLock { service in
        // The old workers hand over when they are replaced.
        faultsBefore = faults.adopt(order.plan, from: [:])
        service.adopt(order.plan, from: service.states.merging(inherited.withLock { $0 }) { $1 })
      }
    }
    // One that has crashed meanwhile may have a successor already that has loaded the new libraries.
    let version = faultsBefore == nil ? .max : service.withLock { $0.version }
    let settings = WorkerSettings(
      configuration, text, confinedBy: order.confinement, like: old[0].settings.withLock { $0 })
    for slot in old.prefix(settings.count) where !isStopping() {
      let done = Latch<HostError?>()
      slot.replace(by: settings, before: order.isForAll ? version : nil, because: order.reason, then: done)
      guard let error = done.wait(unless: isStopping)?.first ?? nil else { continue }
      // The first one decides for all.
      if slot === old[0], let faultsBefore {
        service.withLock { $0.goBack(from: order.plan, to: before) }
        faults.goBack(from: order.plan, to: faultsBefore)
      }
      let consequence =
        slot.status.phase == .serving ? "serves on as it was, because the new one does not start" : "does not start"
      return error.lines.map { "worker \(slot.index) \(consequence): \($0)" }
    }
    for index in old.count + 1..<max(settings.count, old.count) + 1 where !isStopping() {
      if let error = add(WorkerSlot(index, settings, children: children, in: self)) {
        return error.lines.map { "worker \(index) does not start: \($0)" }
      }
    }
    for slot in old.dropFirst(settings.count) {
      slot.reportGivingUp(because: order.reason)
      giveUp(slot)
    }
    return []
  }

  /// Adds a place, and waits until its worker serves.
  /// - Returns: why it does not. Then the place is given up.
  private func add(_ slot: WorkerSlot) -> HostError? {
    let began = Clock.monotonic
    slots.withLock { $0.append(slot) }
    do throws(HostError) {
      try slot.start()
    } catch {
      slots.withLock { $0.removeAll { $0 === slot } }
      return error
    }
    guard let result = slot.firstStart.wait(timeout: Self.timeToStart, unless: isStopping) else {
      if isStopping() { return nil }
      giveUp(slot)
      return HostError(["it has not served within 30 s"])
    }
    guard let error = result[0] else {
      slot.reportAddition(since: began)
      return nil
    }
    giveUp(slot)
    return error
  }

  /// Has the worker of a place finish its requests, and starts no other one. Does not wait.
  private func giveUp(_ slot: WorkerSlot) {
    formerSlots.withLock { former in
      former.removeAll { $0.ended.isOpen }
      former.append(slot)
    }
    slots.withLock { $0.removeAll { $0 === slot } }
    let settings = slot.settings.withLock { $0 }
    slot.stop(
      by: ShutdownDeadline(
        since: Clock.monotonic, drain: settings.drainTimeout, cancelGrace: settings.cancelGrace),
      because: .replaced)
  }
}
