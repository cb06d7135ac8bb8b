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
    /// What the contents that roll-backs would lead to have handed over last, by plugin.
    var handOvers: [String: [HandOver]] = [:]
    /// The workers that serve have to be told of a quarantine.
    var isUnpublished = false
    /// Wake threads that wait for the end of all roll-backs.
    var waiting: [Latch<Void>] = []
  }

  struct HandOver: Sendable {
    /// The hash of the content that has handed over.
    let content: String
    /// By worker.
    var states: [Int: HandedOverState]
  }

  let log = DeathLog()
  let state: Mutex<State>
  let controlThread = Mutex(ControlThread.isFree)
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
    case .rollBack(let order):
      logger.warning(
        "plugin \(order.label) is to be rolled back, since it has crashed before it was proven: no worker runs it now",
        metadata: ["plugin": "\(order.label)"])
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
      \(quarantine.kind) \(quarantine.label) is quarantined: \(quarantine.text); no worker runs it, and its routes \
      answer 503, until its file changes or "ambit reload --retry \(plugin)" tries it again
      """, metadata: ["plugin": "\(quarantine.label)"])
  }

  /// The generations that no worker is to run, by label: why, and what their routes answer.
  var suspended: [String: Suspension] {
    state.withLock { state in
      var suspended: [String: Suspension] = [:]
      for (plugin, quarantine) in state.ledger.quarantines {
        suspended[quarantine.label] = Suspension(
          text: "\(quarantine.kind) \(plugin) is quarantined (\(quarantine.reason))",
          retryAfter: max(Int(state.ledger.limits.crashWindow / 1_000_000_000), 1))
      }
      for order in state.ledger.rollBacks {
        suspended[order.label] = Suspension(text: "plugin \(order.plugin) is being rolled back", retryAfter: 1)
      }
      return suspended
    }
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
        state.ledger.serve(GenerationRecord(planned, at: now, wall), of: planned.name, because: rollBack?.reason)
        state.keep(planned, handedOverBy: rollBack == nil ? last?.hash : nil, states[planned.name] ?? [:])
      }
      state.openIfSettled()
      return before
    }
  }

  /// A generation of before has handed over a state in a worker, after the last call of `adopt`.
  /// - Parameter label: that of the generation.
  func note(_ handedOver: HandedOverState, of plugin: String, _ label: String, inWorker index: Int) {
    state.withLock { state in
      let content = state.ledger.history(of: plugin).last { $0.label == label }?.hash
      guard let place = state.handOvers[plugin]?.firstIndex(where: { $0.content == content }) else { return }
      state.handOvers[plugin]![place].states[index] = handedOver
    }
  }

  /// The workers do not serve the plan of the last call of `adopt`: see there. Deaths that others have caused meanwhile
  /// stay noted.
  func goBack(from plan: ReloadPlan, to before: State) {
    let plugins = plan.names
    state.withLock { state in
      state.ledger.goBack(of: plugins, to: before.ledger)
      for plugin in plugins {
        (state.contents[plugin], state.handOvers[plugin]) = (before.contents[plugin], before.handOvers[plugin])
      }
      state.openIfSettled()
    }
  }
}

extension ReloadPlan {
  /// The plugins and libraries that it changes.
  var names: Set<String> { Set(removed).union(generations.map(\.name)) }
}

extension Faults.State {
  /// Remembers a generation, and what the content before it has handed over, as long as a roll-back may lead to that.
  fileprivate mutating func keep(
    _ planned: PlannedGeneration, handedOverBy last: String?, _ states: [Int: HandedOverState]
  ) {
    let name = planned.name
    var left = handOvers[name] ?? []
    if let last { left = left.filter { $0.content != last } + [Faults.HandOver(content: last, states: states)] }
    let targets = Set(ledger.targets(of: name).map(\.hash))
    handOvers[name] = left.filter { targets.contains($0.content) }
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
      isPlugin: planned.isPlugin, otherLastGood: planned.otherLastGood, contentOf: planned.rollBack?.contentOf,
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
      guard let target = state.ledger.target(of: plugin), let planned = state.contents[plugin]?[target.label] else {
        return nil
      }
      return (planned, state.handOvers[plugin]?.first { $0.content == target.hash }?.states ?? [:])
    }
  }

  /// The private copies that may take the place of what serves.
  var contentsToRollBackTo: [PluginCopy] {
    state.withLock { state in
      state.ledger.plugins.flatMap { plugin in
        state.ledger.targets(of: plugin).compactMap { state.contents[plugin]?[$0.label]?.copy }
      }
    }
  }

  /// Notes how many requests each generation has begun, by label.
  /// - Returns: the plugins whose generation is proven since the last look.
  func look(_ requests: [String: Int]) -> [String] { state.withLock { $0.ledger.look(requests, at: Clock.monotonic) } }
}
