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
  /// How many contents of a plugin are kept for roll-backs: so many can be rolled back in a row.
  static let mostTargets = 2

  var limits = FaultLimits()
  private var crashes = CrashHistory()
  private var records: [String: [GenerationRecord]] = [:]
  /// The contents of each plugin, by their hashes, of which a generation was rolled back or quarantined. Nothing is
  /// rolled back to them, until a generation that an operator has had tried again is proven.
  private var badContents: [String: Set<String>] = [:]
  private(set) var quarantines: [String: PluginQuarantine] = [:]
  /// The roll-backs that were decided and are not done, in this order.
  private(set) var rollBacks: [RollBackOrder] = []

  /// A generation serves from now on, in place of the one before it.
  /// - Parameter rollBack: why the one before it was rolled back, which makes its content bad; nil: it was replaced.
  mutating func serve(_ record: GenerationRecord, of plugin: String, because rollBack: String? = nil) {
    var record = record
    let before = current(plugin)
    endCurrent(of: plugin, at: record.start, record.began, because: rollBack ?? "replaced by \(record.label)")
    if let before, rollBack != nil { condemn(before, of: plugin) }
    let same = history(of: plugin).filter { $0.hash == record.hash && $0.hash != nil && !isBad($0.hash, of: plugin) }
    record.isProven = record.isProven || same.contains(where: \.isProven)
    records[plugin] = (records[plugin, default: []] + [record]).suffix(Self.longestHistory)
  }

  /// The plugin does not serve any more, because its file is gone.
  mutating func remove(_ plugin: String, at now: Int64, wall: Int64) {
    endCurrent(of: plugin, at: now, wall, because: "its file was removed")
  }

  /// Takes back what has been noted of some plugins since: they do not serve what was planned. What others are to blame
  /// for stays.
  mutating func goBack(of plugins: Set<String>, to before: FaultLedger) {
    for plugin in plugins {
      records[plugin] = before.records[plugin]
      badContents[plugin] = before.badContents[plugin]
      quarantines[plugin] = before.quarantines[plugin]
      crashes.goBack(of: plugin, to: before.crashes)
    }
    rollBacks.removeAll { plugins.contains($0.plugin) }
    rollBacks += before.rollBacks.filter { plugins.contains($0.plugin) }
  }

  private mutating func endCurrent(of plugin: String, at now: Int64, _ wall: Int64, because reason: String) {
    crashes.forget(plugin)
    rollBacks.removeAll { $0.plugin == plugin }
    let quarantine = quarantines.removeValue(forKey: plugin)
    guard var last = records[plugin]?.last, last.end == nil else { return }
    if quarantine == nil, last.hasProven(at: now, limits) { acquit(&last, of: plugin) }
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
    if !record.hasProven(at: now, limits), hasOtherContent(plugin) {
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
    condemn(current, of: plugin)
    let quarantine = PluginQuarantine(
      label: current.label, isPlugin: current.isPlugin, since: wall, reason: reason, lastCrash: crash)
    quarantines[plugin] = quarantine
    return quarantine
  }

  private mutating func condemn(_ record: GenerationRecord, of plugin: String) {
    if let hash = record.hash { badContents[plugin, default: []].insert(hash) }
  }

  private mutating func acquit(_ record: inout GenerationRecord, of plugin: String) {
    record.isProven = true
    if let hash = record.hash { badContents[plugin]?.remove(hash) }
  }

  /// What the workers that run generations have seen of them.
  /// - Parameter requests: how many requests each generation has begun, by label.
  /// - Returns: the plugins whose generation is proven since the last look.
  mutating func look(_ requests: [String: Int], at now: Int64) -> [String] {
    records.keys.filter { plugin in
      guard var last = records[plugin]?.last, last.end == nil, !last.isProven else { return false }
      last.requests = max(last.requests, requests[last.label] ?? 0)
      if quarantines[plugin] == nil, last.hasProven(at: now, limits) { acquit(&last, of: plugin) }
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

  /// Whether a generation with this content was rolled back or quarantined, and none was proven since.
  func isBad(_ hash: String?, of plugin: String) -> Bool {
    hash.map { badContents[plugin]?.contains($0) ?? false } ?? false
  }

  /// The generation whose content takes the place of the current one if that is rolled back; nil if there is no other
  /// content.
  func target(of plugin: String) -> GenerationRecord? { targets(of: plugin).first }

  /// The generations whose contents the next roll-backs in a row would lead to, each of another content: the last ones
  /// that were proven, then the last ones whose content was to blame for nothing. At most `mostTargets`.
  func targets(of plugin: String) -> [GenerationRecord] {
    guard let current = current(plugin), current.isPlugin else { return [] }
    let others = history(of: plugin).reversed().filter {
      $0.isPlugin && $0.hash != current.hash && !isBad($0.hash, of: plugin)
    }
    let crashed = Set(others.filter { $0.crashes > 0 }.map(\.hash))
    var targets: [GenerationRecord] = []
    for other in others.filter(\.isProven) + others.filter({ !crashed.contains($0.hash) })
    where targets.count < Self.mostTargets && !targets.contains(where: { $0.hash == other.hash }) {
      targets.append(other)
    }
    return targets
  }

  /// Whether there is a content that could take the place of the current one: of this host, or the last good copy.
  private func hasOtherContent(_ plugin: String) -> Bool {
    let lastGood = current(plugin)?.otherLastGood
    return target(of: plugin) != nil || lastGood != nil && !isBad(lastGood, of: plugin)
  }

  /// Whether a crash of the current generation would roll it back.
  func isOnProbation(_ plugin: String, at now: Int64) -> Bool {
    guard let current = current(plugin), current.isPlugin, !current.hasProven(at: now, limits) else { return false }
    return quarantines[plugin] == nil && hasOtherContent(plugin)
  }

  /// The plugins whose current generation a crash would roll back.
  func onProbation(at now: Int64) -> [String] { plugins.filter { isOnProbation($0, at: now) } }

  /// The plugins whose current content is not to become a last good copy yet.
  func inDoubt(at now: Int64) -> [String] {
    plugins.filter { isOnProbation($0, at: now) || isBad(current($0)?.hash, of: $0) }
  }
}
