internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging
internal import Synchronization

/// What the host does about plugins that are to blame for the death of workers: see `FaultLedger`. From any thread;
/// nothing here waits, except `awaitRollBacks`.
///
/// A death takes effect at once for workers that start later: they do not run a plugin that is quarantined, nor a
/// generation that is to be rolled back. What the other workers are to do is for the control thread, which `onOrder`
/// wakes.
final class Faults: Sendable {
  struct State: Sendable {
    var ledger = FaultLedger()
    /// What the remembered generations are, by plugin and label.
    var contents: [String: [String: PlannedGeneration]] = [:]
    /// What the generation that would take the place of the current one has handed over last, by plugin and by worker.
    var handOvers: [String: HandOver] = [:]
    /// The workers that serve have to be told of a quarantine.
    var isUnpublished = false
    /// Wake threads that wait for the end of all roll-backs.
    var waiting: [Latch<Void>] = []
  }

  struct HandOver: Sendable {
    /// The generation that has handed over.
    let label: String
    let states: [Int: HandedOverState]
  }

  let log = DeathLog()
  private let state: Mutex<State>
  /// Wakes the control thread.
  let onOrder = Mutex<@Sendable () -> Void> {}
  private let logger = Logger(label: "ambit")

  init(_ configuration: HostConfiguration) {
    var state = State()
    state.ledger.limits = FaultLimits(configuration)
    self.state = Mutex(state)
  }

  /// Uses the limits of a configuration for deaths from now on.
  func use(_ configuration: HostConfiguration) { state.withLock { $0.ledger.limits = FaultLimits(configuration) } }

  /// Takes note of a death, tells the operator, and does what follows.
  /// - Returns: whether the next worker does not run what is to blame, so that it may start at once.
  func note(_ death: Death) -> Bool {
    log.tell(of: death)
    guard let culprit = death.culprit else { return false }
    let consequence = state.withLock { state in
      let consequence = state.ledger.noteCrash(
        of: culprit.plugin, generation: UInt64(clamping: culprit.generation), death.cause, at: Clock.monotonic,
        wall: Clock.wall)
      if case .quarantine = consequence { state.isUnpublished = true }
      return consequence
    }
    switch consequence {
    case .counted: return false
    case .gone: return true
    case .quarantine(let quarantine): report(quarantine, of: culprit.plugin)
    case .rollBack: break
    }
    onOrder.withLock { $0 }()
    return true
  }

  /// Quarantines a plugin that cannot be rolled back.
  func quarantine(_ plugin: String, because reason: String, _ crash: String) {
    let quarantine = state.withLock { state in
      let quarantine = state.ledger.quarantine(plugin, because: reason, crash, wall: Clock.wall)
      state.isUnpublished = true
      state.openIfSettled()
      return quarantine
    }
    if let quarantine { report(quarantine, of: plugin) }
  }

  private func report(_ quarantine: PluginQuarantine, of plugin: String) {
    logger.error(
      """
      plugin \(quarantine.label) is quarantined: \(quarantine.text); no worker runs it, and its routes answer 503, \
      until its file changes or "ambit reload --retry \(plugin)" tries it again
      """, metadata: ["plugin": "\(quarantine.label)"])
  }

  /// The generations that no worker is to run, by label: why, and what their routes answer.
  var suspended: [String: Suspension] {
    state.withLock { state in
      var suspended: [String: Suspension] = [:]
      for (plugin, quarantine) in state.ledger.quarantines {
        suspended[quarantine.label] = Suspension(
          text: "plugin \(plugin) is quarantined (\(quarantine.reason))",
          retryAfter: max(Int(state.ledger.limits.crashWindow / 1_000_000_000), 1))
      }
      for order in state.ledger.rollBacks {
        suspended[order.label] = Suspension(text: "plugin \(order.plugin) is being rolled back", retryAfter: 1)
      }
      return suspended
    }
  }

  /// Waits until no roll-back is under way, at most `timeout` nanoseconds: a worker that starts meanwhile could serve
  /// nothing in place of the generation.
  func awaitRollBacks(within timeout: Int64, unless isStopping: @Sendable () -> Bool) {
    let latch = Latch<Void>()
    let isSettled = state.withLock { state in
      if !state.ledger.rollBacks.isEmpty { state.waiting.append(latch) }
      return state.ledger.rollBacks.isEmpty
    }
    if !isSettled { _ = latch.wait(timeout: timeout, unless: isStopping) }
  }
}

extension Faults.State {
  /// Wakes those who wait if no roll-back is under way any more.
  fileprivate mutating func openIfSettled() {
    guard ledger.rollBacks.isEmpty else { return }
    for latch in waiting { latch.arrive(()) }
    waiting = []
  }
}

/// A generation that no worker is to run at present.
struct Suspension: Sendable, Equatable {
  /// What clients of its routes are told.
  let text: String
  /// After how many seconds they may try again.
  let retryAfter: Int
}

extension FaultLimits {
  init(_ configuration: HostConfiguration) {
    crashLimit = configuration.crashLimit
    crashWindow = configuration.crashWindow.wholeNanoseconds
    proveRequests = configuration.proveRequests
    proveTime = configuration.proveTime.wholeNanoseconds
  }
}

// What serves, as the control thread decides it.

extension Faults {
  /// The workers are about to serve a plan.
  /// - Parameter states: what its generations start from, by name and by worker: those before have handed it over.
  /// - Returns: what to give to `goBack` if they do not.
  func adopt(_ plan: ReloadPlan, from states: [String: [Int: HandedOverState]]) -> State {
    let (now, wall) = (Clock.monotonic, Clock.wall)
    return state.withLock { state in
      let before = state
      for name in plan.removed {
        state.ledger.remove(name, at: now, wall: wall)
        state.handOvers[name] = nil
      }
      for planned in plan.generations {
        let last = state.ledger.current(planned.name)
        let rollBack = planned.rollBack
        if let last, rollBack != nil { state.ledger.condemn(last.label, of: planned.name) }
        state.ledger.serve(GenerationRecord(planned, at: now, wall), of: planned.name, because: rollBack?.reason)
        state.keep(planned, handedOverBy: rollBack == nil ? last?.label : nil, states[planned.name] ?? [:])
      }
      state.openIfSettled()
      return before
    }
  }

  /// The workers do not serve the plan of the last call of `adopt`: see there.
  func goBack(to before: State) {
    state.withLock { state in
      let waiting = state.waiting
      state = before
      state.waiting = waiting
      state.openIfSettled()
    }
  }
}

extension Faults.State {
  /// Remembers a generation, and what the one before it has handed over, if that would take its place.
  fileprivate mutating func keep(
    _ planned: PlannedGeneration, handedOverBy last: String?, _ states: [Int: HandedOverState]
  ) {
    let name = planned.name
    let target = ledger.target(of: name)?.label
    if let last, last == target { handOvers[name] = Faults.HandOver(label: last, states: states) }
    if handOvers[name]?.label != target { handOvers[name] = nil }
    var kept = planned
    kept.handedOver = nil
    let labels = Set(ledger.history(of: name).map(\.label))
    contents[name] = (contents[name] ?? [:]).filter { labels.contains($0.key) }
    contents[name]![planned.label] = kept
  }
}

extension GenerationRecord {
  fileprivate init(_ planned: PlannedGeneration, at now: Int64, _ wall: Int64) {
    self.init(
      label: planned.label, number: planned.number, hash: planned.copy.hash?.description, began: wall, start: now,
      isPlugin: planned.isPlugin, hasOtherLastGood: planned.hasOtherLastGood, contentOf: planned.rollBack?.contentOf,
      isProven: planned.rollBack != nil)
  }
}

// Questions.

extension Faults {
  /// What may be asked of the ledger.
  var ledger: FaultLedger { state.withLock { $0.ledger } }

  /// The roll-back to carry out next. It stays under way until another generation serves, or the plugin is quarantined.
  var nextRollBack: RollBackOrder? { state.withLock { $0.ledger.rollBacks.first } }

  /// Whether the workers that serve have to be told of a quarantine. The next call returns false.
  func takeUnpublished() -> Bool {
    state.withLock { state in
      defer { state.isUnpublished = false }
      return state.isUnpublished
    }
  }

  /// The content that takes the place of a plugin's current one, and what it has handed over last; nil if the host does
  /// not remember any.
  func target(of plugin: String) -> (planned: PlannedGeneration, states: [Int: HandedOverState])? {
    state.withLock { state in
      guard let label = state.ledger.target(of: plugin)?.label, let planned = state.contents[plugin]?[label] else {
        return nil
      }
      let handOver = state.handOvers[plugin]
      return (planned, handOver?.label == label ? handOver!.states : [:])
    }
  }

  /// The private copies that may take the place of what serves.
  var contentsToRollBackTo: [PluginCopy] { ledger.plugins.compactMap { target(of: $0)?.planned.copy } }

  /// Notes how many requests each generation has begun, by label.
  /// - Returns: the plugins whose generation is proven since the last look.
  func look(_ requests: [String: Int]) -> [String] { state.withLock { $0.ledger.look(requests, at: Clock.monotonic) } }
}
