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
    /// The last upgrade; nil if there was none.
    var upgrade: UpgradeReport?
    /// How many upgrades clients have asked for.
    var upgradeCount = 0
    /// When the host was started: nanoseconds since 1970-01-01 UTC.
    var began = Clock.wall
  }

  private static var reloadLimit: Int { 10 }

  /// When the host was started: nanoseconds since 1970-01-01 UTC.
  var began: Int64 { current.began }
  private let content = Mutex(Content())

  var current: Content { content.withLock { $0 } }

  func enter(_ phase: Phase) { content.withLock { $0.phase = phase } }

  func setAddresses(_ addresses: [String]) { content.withLock { $0.addresses = addresses } }

  /// Goes on where the program before this one has stopped.
  func begin(_ takeOver: TakeOver) {
    content.withLock { content in
      (content.began, content.upgradeCount) = (takeOver.hostBegan, takeOver.order.number)
      content.upgrade = UpgradeReport(
        order: takeOver.order, began: takeOver.began, start: takeOver.start, from: takeOver.version,
        oldProgram: takeOver.program, result: .underway)
    }
  }

  /// - Returns: the number of the next upgrade.
  func countUpgrade() -> Int {
    content.withLock { content in
      content.upgradeCount += 1
      return content.upgradeCount
    }
  }

  func record(_ upgrade: UpgradeReport) { content.withLock { $0.upgrade = upgrade } }

  func record(_ outcome: ReloadOutcome) {
    content.withLock { content in
      content.reloads = content.reloads.suffix(Self.reloadLimit - 1) + [outcome]
    }
  }
}
