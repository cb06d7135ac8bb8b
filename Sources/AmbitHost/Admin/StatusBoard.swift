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
    /// Those that serve, and those that still run; the oldest first.
    var generations: [Entry] = []
    /// How many have been retired and have ended.
    var ended = 0
    /// The last ones, the newest last.
    var reloads: [ReloadOutcome] = []
  }

  /// A generation, and where it stands.
  struct Entry: Sendable {
    let generation: PluginGeneration
    /// When it began to serve: nanoseconds since 1970-01-01 UTC.
    let since: Int64
    /// It takes no more requests, and goes on until those it has have ended.
    var isRetiring = false
  }

  private static var reloadLimit: Int { 10 }

  /// When the host was started: nanoseconds since 1970-01-01 UTC.
  let began = Clock.wall
  private let content = Mutex(Content())

  var present: Content { content.withLock { $0 } }

  func enter(_ phase: Phase) { content.withLock { $0.phase = phase } }

  func listens(at addresses: [String]) { content.withLock { $0.addresses = addresses } }

  /// These serve from now on; those that did and are not among them are being retired.
  func serves(_ generations: some Sequence<PluginGeneration>) {
    let serving = Dictionary(uniqueKeysWithValues: generations.map { ($0.label, $0) })
    content.withLock { content in
      for index in content.generations.indices {
        content.generations[index].isRetiring = serving[content.generations[index].generation.label] == nil
      }
      let known = Set(content.generations.map(\.generation.label))
      for (label, generation) in serving.sorted(by: { $0.key < $1.key }) where !known.contains(label) {
        content.generations.append(Entry(generation: generation, since: Clock.wall))
      }
    }
  }

  /// Nothing of a retired generation runs any more. From any thread.
  func hasEnded(_ generation: PluginGeneration) {
    content.withLock { content in
      let count = content.generations.count
      content.generations.removeAll { $0.generation === generation }
      content.ended += count - content.generations.count
    }
  }

  func record(_ outcome: ReloadOutcome) {
    content.withLock { content in
      content.reloads = content.reloads.suffix(Self.reloadLimit - 1) + [outcome]
    }
  }
}
