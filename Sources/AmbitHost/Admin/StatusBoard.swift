internal import AmbitPlugins
internal import AmbitRuntime
internal import Synchronization

/// What the control thread lets others know of the host, to be read at any time, also while it is busy with a reload.
final class StatusBoard: Sendable {
  enum Phase: String, Sendable {
    case starting, serving, reloading, draining, stopping
  }

  struct Content: Sendable {
    var phase = Phase.starting
    /// Where clients find the host.
    var addresses: [String] = []
    /// Those that serve by name, then those that served before, or were to, and are in memory yet, the oldest first.
    var generations: [PluginGeneration] = []
    /// The last ones, the newest last.
    var reloads: [ReloadOutcome] = []
  }

  private static var reloadLimit: Int { 10 }

  /// When the host was started: nanoseconds since 1970-01-01 UTC.
  let began = Clock.wall
  private let content = Mutex(Content())

  var present: Content { content.withLock { $0 } }

  func enter(_ phase: Phase) { content.withLock { $0.phase = phase } }

  func listens(at addresses: [String]) { content.withLock { $0.addresses = addresses } }

  /// These serve from now on, instead of those that did.
  func serves(_ generations: some Sequence<PluginGeneration>) {
    let serving = generations.sorted { $0.label < $1.label }
    content.withLock { content in
      let retired = content.generations.filter { old in
        old.phase.phase != .unloaded && !serving.contains { $0 === old }
      }
      content.generations = serving + retired
    }
  }

  /// This one serves no more, or has failed before it did: it is shown as long as it is in memory.
  func retires(_ generation: PluginGeneration) {
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
