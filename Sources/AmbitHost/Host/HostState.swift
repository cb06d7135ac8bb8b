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

  func record(_ outcome: ReloadOutcome) {
    content.withLock { content in
      content.reloads = content.reloads.suffix(Self.reloadLimit - 1) + [outcome]
    }
  }
}
