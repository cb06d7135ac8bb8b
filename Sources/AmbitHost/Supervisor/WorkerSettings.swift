internal import AmbitConfig
internal import AmbitSystem

/// What workers are started with. A change takes effect with the next worker.
struct WorkerSettings: Sendable {
  /// Whether calls of plugins are checked.
  let isChecked: Bool
  /// Whether the log is JSON, which the start of the host decides: see `log.format`.
  let writesJSON: Bool
  /// What a worker cannot change while it runs.
  let configuration: HostConfiguration
  /// The text of `configuration`.
  let text: ConfigurationText
  /// What workers give up before they load plugins.
  let confinement: Confinement
  /// How many workers the host has.
  let count: Int
  /// The event loops of each.
  let loops: Int
  private(set) var crashWindow: Duration
  /// How long a worker may accept no connection; nil: for ever.
  private(set) var hangLimit: Duration?
  private(set) var drainTimeout: Duration

  init(
    _ configuration: HostConfiguration, _ text: ConfigurationText, confinedBy confinement: Confinement,
    isChecked: Bool, writesJSON: Bool
  ) {
    let plan = configuration.workerPlan(usableCPUs: UsableCPUs.current.count)
    (self.isChecked, self.writesJSON) = (isChecked, writesJSON)
    (self.configuration, self.text, self.confinement) = (configuration, text, confinement)
    (count, loops) = (plan.workers, plan.threadsPerWorker)
    crashWindow = configuration.crashWindow
    hangLimit = configuration.limits.hangLimit
    drainTimeout = configuration.drainTimeout
  }

  /// What another configuration says, for the same host.
  init(
    _ configuration: HostConfiguration, _ text: ConfigurationText, confinedBy confinement: Confinement,
    like other: WorkerSettings
  ) {
    self.init(
      configuration, text, confinedBy: confinement, isChecked: other.isChecked, writesJSON: other.writesJSON)
  }

  /// Whether a worker that was started with `other` need not be replaced.
  func isLike(_ other: WorkerSettings) -> Bool {
    configuration.keysNeedingNewWorkers(since: other.configuration).isEmpty
  }

  /// How long what is cancelled may take when a worker ends.
  var cancelGrace: Duration { configuration.cancelGrace }

  /// Takes over what the supervisor can change while a worker runs.
  mutating func use(_ configuration: HostConfiguration) {
    (crashWindow, hangLimit) = (configuration.crashWindow, configuration.limits.hangLimit)
    drainTimeout = configuration.drainTimeout
  }

  /// - Returns: whether it is another one.
  mutating func use(hangLimit: Duration?) -> Bool {
    defer { self.hangLimit = hangLimit }
    return self.hangLimit != hangLimit
  }
}
