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

  /// See `Worker.accept`. Workers that start later accept connections on these sockets, too.
  func accept(on new: [ListeningSocket]) {
    service.withLock { service in
      service.sockets += new
      openSockets.withLock { $0 = service.sockets }
      _ = Self.onAll(present) { $1.accept(on: new) }
    }
  }

  /// See `Worker.stopAccepting`. Blocks.
  func stopAccepting(on socket: ListeningSocket) -> Bool {
    service.withLock { service in
      service.sockets.removeAll { $0.id == socket.id }
      openSockets.withLock { $0 = service.sockets }
      return Self.onAll(present) { $1.stopAccepting(on: socket) }.allSatisfy { $0 }
    }
  }

  /// Uses what a configuration says about limits from now on, in the workers that serve and in those that start later,
  /// and what it says about workers for those that start later: see `replaceAll`.
  /// - Returns: whether every loop uses the limits. A blocked loop takes them when it runs again.
  func use(_ configuration: HostConfiguration, _ text: ConfigurationText) -> Bool {
    for slot in slots.withLock({ $0 }) { slot.settings.withLock { $0.use(configuration) } }
    return service.withLock { service in
      (service.configuration, service.startLimit) = (text, configuration.dryRunTimeout)
      return Self.onAll(present) { $1.replaceLimits(by: configuration, text) }.allSatisfy { $0 }
    }
  }

  /// Puts other workers in the place of all that serve, one after the other, without a break: each serves before its
  /// predecessor stops accepting connections. Starts further places, or ends places, if the number of workers has
  /// changed. Does not wait.
  /// - Parameter reasons: what has changed that a running worker cannot change, a few words each.
  func replaceAll(because reasons: [String], children: ChildProcesses) {
    let reason = reasons.joined(separator: ", ")
    onOwnThread { [self] in
      replacing.withLock { _ in
        let (old, surplus, new) = resize(children)
        for slot in new { try? slot.start() }
        for slot in old where !isStopping() {
          let done = Latch<Void>()
          slot.replace(because: reason, then: done)
          _ = done.wait(timeout: .max, unless: isStopping)
        }
        for slot in surplus {
          let settings = slot.settings.withLock { $0 }
          slot.stop(
            by: ShutdownDeadline(
              since: Clock.monotonic, drain: settings.drainTimeout, cancelGrace: settings.cancelGrace))
        }
      }
    }
  }

  /// Makes as many places as the settings say.
  /// - Returns: those that stay, those that are too many, and those that are new.
  private func resize(_ children: ChildProcesses) -> (old: [WorkerSlot], surplus: [WorkerSlot], new: [WorkerSlot]) {
    slots.withLock { slots in
      let settings = slots[0].settings.withLock { $0 }
      let (old, surplus) = (Array(slots.prefix(settings.count)), Array(slots.dropFirst(settings.count)))
      let new = (old.count + 1..<max(settings.count, old.count) + 1).map {
        WorkerSlot($0, settings, children: children, in: self)
      }
      slots = old + new
      return (old, surplus, new)
    }
  }
}

extension WorkerSettings {
  init(_ configuration: HostConfiguration, program: String, isChecked: Bool, writesJSON: Bool) {
    let plan = configuration.workerPlan(usableCPUs: UsableCPUs.current.count)
    (self.program, self.isChecked, self.writesJSON) = (program, isChecked, writesJSON)
    (count, loops) = (plan.workers, plan.threadsPerWorker)
    crashWindow = configuration.crashWindow
    hangLimit = configuration.limits.hangLimit
    (drainTimeout, cancelGrace) = (configuration.drainTimeout, configuration.cancelGrace)
  }

  /// Uses what a configuration says for workers that start from now on.
  mutating func use(_ configuration: HostConfiguration) {
    self = WorkerSettings(configuration, program: program, isChecked: isChecked, writesJSON: writesJSON)
  }
}
