internal import AmbitConfig
internal import AmbitHTTP
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem

/// What every worker of the host serves, as a value: a worker that starts later is brought to it.
struct Service: Sendable {
  /// Counts the changes of what is served.
  private(set) var version = 0
  /// The sockets that workers accept connections from.
  var sockets: [ListeningSocket] = []
  /// How long the load, the `save` and the `start` of a plugin may each take.
  var startLimit: Duration { configuration.dryRunTimeout }
  /// Says the limits and the level of the log.
  private(set) var configuration: HostConfiguration
  /// The text of `configuration`.
  private(set) var text: ConfigurationText
  /// The generations that serve, by name.
  private(set) var generations: [String: PlannedGeneration] = [:]
  /// The present files of those that serve their own file, by name.
  private(set) var files: [String: PluginFile] = [:]
  /// Why the files of the others are refused, by path: their last good copies serve.
  private var fallbacks: [String: PluginError] = [:]
  /// What the configuration says about routes.
  private var routing = CommitOrder()
  /// What generations started from, by name and by worker.
  private(set) var states: [String: [Int: HandedOverState]] = [:]

  init(_ configuration: HostConfiguration, _ text: ConfigurationText) {
    (self.configuration, self.text) = (configuration, text)
  }

  /// Uses other limits from now on.
  mutating func use(_ configuration: HostConfiguration, _ text: ConfigurationText) {
    (self.configuration, self.text) = (configuration, text)
    for name in generations.keys { generations[name]!.limits = configuration.limits(of: name) }
  }

  /// Serves what a plan says from now on. If only new workers can load it, those that serve now are not told.
  /// - Parameter states: what the generations of the plan started from.
  mutating func adopt(_ plan: ReloadPlan, from states: [String: [Int: HandedOverState]]) {
    for name in plan.removed { (generations[name], files[name], self.states[name]) = (nil, nil, nil) }
    for (name, file) in plan.kept {
      if let old = files[name] { fallbacks[old.path] = nil }
      if let planned = generations[name] { fallbacks[planned.file] = nil }
      files[name] = file
    }
    for planned in plan.generations {
      generations[planned.name] = planned
      fallbacks[planned.file] = plan.fallbacks[planned.file]
      files[planned.name] = plan.fallbacks[planned.file] == nil ? planned.copy.file : nil
      self.states[planned.name] = states[planned.name]
    }
    routing = plan.commitOrder
    version += 1
  }

  /// Serves what `other` says, because no worker could be started with a plan. What other plugins have started from in
  /// workers that have joined meanwhile stays.
  mutating func goBack(from plan: ReloadPlan, to other: Service) {
    let (version, states) = (version, states.filter { !plan.names.contains($0.key) })
    self = other
    self.states.merge(states) { $1 }
    self.version = version + 1
  }

  /// Notes what generations started from in a worker that has joined.
  mutating func note(_ handedOver: [String: HandedOverState], inWorker index: Int) {
    for (name, state) in handedOver { states[name, default: [:]][index] = state }
  }

  /// The order by which a worker serves exactly this.
  /// - Parameters:
  ///   - serving: the names of what it serves at present.
  ///   - suspended: the generations that it is not to run, by label.
  func order(for serving: some Sequence<String>, without suspended: [String: Suspension]) -> CommitOrder {
    let left = generations.filter { suspended[$0.value.label] == nil }
    var order = routing
    order.removed = serving.filter { left[$0] == nil }.sorted()
    order.kept = files.filter { left[$0.key] != nil }
    order.fallbacks = fallbacks
    order.unavailable = generations.values.sorted { $0.label < $1.label }.flatMap { planned -> [UnavailableRoute] in
      guard let suspension = suspended[planned.label] else { return [] }
      return planned.patterns.map {
        UnavailableRoute(pattern: $0, text: suspension.text, retryAfter: suspension.retryAfter)
      }
    }
    return order
  }

  /// The generations that a worker has to prepare which knows `labels`, by name. Each has the state that the worker
  /// with this index, or else another one, started it from.
  /// - Parameter suspended: the generations that no worker is to run, by label.
  func missing(
    in labels: [String: String], worker index: Int, without suspended: [String: Suspension]
  ) -> [PlannedGeneration] {
    let missing = generations.values.filter { labels[$0.name] != $0.label && suspended[$0.label] == nil }
    return missing.sorted(by: Self.loadingOrder).map { planned in
      var planned = planned
      let states = states[planned.name] ?? [:]
      planned.handedOver = states[index] ?? states.min { $0.key < $1.key }?.value
      return planned
    }
  }

  /// As plans have them: plugins come before the libraries of routes.
  private static func loadingOrder(_ one: PlannedGeneration, _ other: PlannedGeneration) -> Bool {
    one.isPlugin == other.isPlugin ? one.name < other.name : one.isPlugin
  }
}
