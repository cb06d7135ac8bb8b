internal import AmbitCore

/// The generations of each plugin and its crashes, and what follows from a crash: nothing, a quarantine or a roll-back.
/// A value without a clock; times are nanoseconds of a monotonic clock (`now`) or since 1970 (`wall`). Plugins have the
/// names of the repository.
struct FaultLedger: Sendable {
  /// What follows from a crash.
  enum Consequence: Sendable, Equatable {
    /// The generation serves on in the next worker.
    case counted
    /// The generation does not serve any more, so the next worker does not run it.
    case gone
    /// No worker runs the plugin from now on.
    case quarantine(PluginQuarantine)
    /// No worker runs the generation from now on. The content before it is to take its place.
    case rollBack(RollBackOrder)
  }

  /// The most generations of a plugin that are remembered.
  static let longestHistory = 50

  var limits = FaultLimits()
  private var crashes = CrashHistory()
  private var records: [String: [GenerationRecord]] = [:]
  private(set) var quarantines: [String: PluginQuarantine] = [:]
  /// The roll-backs that were decided and are not done, in this order.
  private(set) var rollBacks: [RollBackOrder] = []

  /// A generation serves from now on, in place of the one before it, which `reason` says the end of; nil: it was
  /// replaced.
  mutating func serve(_ record: GenerationRecord, of plugin: String, because reason: String? = nil) {
    var record = record
    endCurrent(of: plugin, at: record.start, record.began, because: reason ?? "replaced by \(record.label)")
    let same = history(of: plugin).filter { $0.hash == record.hash && $0.hash != nil }
    record.isProven = record.isProven || same.contains { $0.isProven && !$0.isBad }
    records[plugin] = (records[plugin, default: []] + [record]).suffix(Self.longestHistory)
  }

  /// The plugin does not serve any more, because its file is gone.
  mutating func remove(_ plugin: String, at now: Int64, wall: Int64) {
    endCurrent(of: plugin, at: now, wall, because: "its file was removed")
  }

  private mutating func endCurrent(of plugin: String, at now: Int64, _ wall: Int64, because reason: String) {
    crashes.forget(plugin)
    rollBacks.removeAll { $0.plugin == plugin }
    let quarantine = quarantines.removeValue(forKey: plugin)
    guard var last = records[plugin]?.last, last.end == nil else { return }
    last.isProven = last.hasProven(at: now, limits)
    last.end = (wall, quarantine.map { "quarantined: \($0.text); \(reason)" } ?? reason)
    records[plugin]![records[plugin]!.count - 1] = last
  }

  /// A worker has died, and a generation is to blame.
  /// - Parameter crash: what has happened, for people.
  mutating func noteCrash(
    of plugin: String, generation number: UInt64, _ crash: String, at now: Int64, wall: Int64
  ) -> Consequence {
    guard let index = records[plugin]?.lastIndex(where: { $0.number == number }) else { return .counted }
    records[plugin]![index].crashes += 1
    let record = records[plugin]![index]
    guard record.end == nil, quarantines[plugin] == nil, !rollBacks.contains(where: { $0.plugin == plugin }) else {
      return .gone
    }
    if !record.hasProven(at: now, limits), target(of: plugin) != nil || record.hasOtherLastGood {
      let order = RollBackOrder(plugin: plugin, label: record.label, crash: crash, decided: now)
      rollBacks.append(order)
      return .rollBack(order)
    }
    let loop = crashes.noteCrash(of: plugin, at: now, limit: limits.crashLimit, window: limits.crashWindow)
    guard let loop else { return .counted }
    return .quarantine(quarantine(plugin, because: "\(loop)", crash, wall: wall)!)
  }

  /// No worker runs a plugin from now on, until another generation of it serves.
  /// - Returns: nil if it does not serve.
  mutating func quarantine(
    _ plugin: String, because reason: String, _ crash: String, wall: Int64
  ) -> PluginQuarantine? {
    guard let current = current(plugin) else { return nil }
    rollBacks.removeAll { $0.plugin == plugin }
    records[plugin]![records[plugin]!.count - 1].isBad = true
    let quarantine = PluginQuarantine(label: current.label, since: wall, reason: reason, lastCrash: crash)
    quarantines[plugin] = quarantine
    return quarantine
  }

  /// A generation is to blame, or an operator says so: nothing is rolled back to it any more.
  mutating func condemn(_ label: String, of plugin: String) {
    guard let index = records[plugin]?.lastIndex(where: { $0.label == label }) else { return }
    records[plugin]![index].isBad = true
  }

  /// What the workers that run generations have seen of them.
  /// - Parameter requests: how many requests each generation has begun, by label.
  /// - Returns: the plugins whose generation is proven since the last look.
  mutating func look(_ requests: [String: Int], at now: Int64) -> [String] {
    records.keys.filter { plugin in
      guard var last = records[plugin]?.last, last.end == nil, !last.isProven else { return false }
      last.requests = max(last.requests, requests[last.label] ?? 0)
      last.isProven = quarantines[plugin] == nil && last.hasProven(at: now, limits)
      records[plugin]![records[plugin]!.count - 1] = last
      return last.isProven
    }.sorted()
  }
}

extension FaultLedger {
  /// The generation of a plugin that serves, or is quarantined; nil if there is none.
  func current(_ plugin: String) -> GenerationRecord? { records[plugin]?.last.flatMap { $0.end == nil ? $0 : nil } }

  /// All generations of a plugin that are remembered, the oldest first.
  func history(of plugin: String) -> [GenerationRecord] { records[plugin] ?? [] }

  /// The repository's names of all plugins that have served.
  var plugins: [String] { records.keys.sorted() }

  /// The generation whose content takes the place of the current one if that is rolled back: the last one that was
  /// proven, or else the last one that was to blame for nothing. nil if there is no other content.
  func target(of plugin: String) -> GenerationRecord? {
    guard let current = current(plugin), current.isPlugin else { return nil }
    let others = history(of: plugin).dropLast().filter { $0.isPlugin && !$0.isBad && $0.hash != current.hash }
    return others.last { $0.isProven } ?? others.last { $0.crashes == 0 }
  }

  /// Whether a crash of the current generation would roll it back.
  func isOnProbation(_ plugin: String, at now: Int64) -> Bool {
    guard let current = current(plugin), current.isPlugin, !current.hasProven(at: now, limits) else { return false }
    return quarantines[plugin] == nil && (current.hasOtherLastGood || target(of: plugin) != nil)
  }

  /// The plugins whose current generation a crash would roll back.
  func onProbation(at now: Int64) -> [String] { plugins.filter { isOnProbation($0, at: now) } }
}
