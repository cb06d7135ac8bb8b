internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem
internal import Synchronization

/// The state of the host that other threads may see. The control thread writes it; any thread may read it at any time,
/// also during a reload.
final class HostState: Sendable {
  enum Phase: String, Sendable {
    case starting, serving, reloading, draining, stopping
  }

  struct Content: Sendable {
    var phase = Phase.starting
    /// The URLs that clients can use.
    var addresses: [String] = []
    /// The generations that serve, by name, then the other ones whose library is still in memory, the oldest first.
    var generations: [PluginGeneration] = []
    /// The last ten reloads, the newest last.
    var reloads: [ReloadOutcome] = []
  }

  private static var reloadLimit: Int { 10 }

  /// When the host was started: nanoseconds since 1970-01-01 UTC.
  let began = Clock.wall
  private let content = Mutex(Content())

  var current: Content { content.withLock { $0 } }

  func enter(_ phase: Phase) { content.withLock { $0.phase = phase } }

  func setAddresses(_ addresses: [String]) { content.withLock { $0.addresses = addresses } }

  /// Makes `generations` those that serve. Generations that served before are shown as long as they are in memory.
  func setServing(_ generations: some Sequence<PluginGeneration>) {
    let serving = generations.sorted { $0.label < $1.label }
    content.withLock { content in
      let retired = content.generations.filter { old in
        old.phase.phase != .unloaded && !serving.contains { $0 === old }
      }
      content.generations = serving + retired
    }
  }

  /// Shows a generation that retires, or that failed before it served, as long as it is in memory.
  func addRetiring(_ generation: PluginGeneration) {
    content.withLock { content in
      guard !content.generations.contains(where: { $0 === generation }) else { return }
      content.generations.append(generation)
    }
  }

  func record(_ outcome: ReloadOutcome) {
    content.withLock { content in
      content.reloads = content.reloads.suffix(Self.reloadLimit - 1) + [outcome]
    }
  }
}
