internal import Synchronization

/// How many connections all loops of a server have. From any of them.
final class ConnectionTally: Sendable {
  let loopCount: Int
  private let open = Atomic<Int>(0)
  private let accepted = Atomic<Int>(0)

  init(loopCount: Int) { self.loopCount = loopCount }

  func connectionOpened() {
    open.add(1, ordering: .relaxed)
    accepted.add(1, ordering: .relaxed)
  }

  func connectionClosed() { open.subtract(1, ordering: .relaxed) }

  /// Open ones of one loop, rounded down.
  var average: Int { open.load(ordering: .relaxed) / loopCount }

  /// Since the start.
  var acceptedCount: Int { accepted.load(ordering: .relaxed) }
}
