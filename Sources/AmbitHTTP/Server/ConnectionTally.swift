internal import AmbitRuntime
internal import AmbitSystem
internal import Synchronization

/// How many connections all loops of a server have. From any of them.
final class ConnectionTally: Sendable {
  let loopCount: Int
  /// They are the host's own, and may have the descriptors that are kept for it: `DescriptorReserve`.
  let isHosts: Bool
  /// No client gets a descriptor from this number on.
  private let descriptorEnd = Atomic<Int32>(.max)
  private let open = Atomic<Int>(0)
  private let accepted = Atomic<Int>(0)

  init(loopCount: Int, isHosts: Bool) {
    (self.loopCount, self.isHosts) = (loopCount, isHosts)
    readDescriptorLimit()
  }

  var descriptorLimit: Int32 { descriptorEnd.load(ordering: .relaxed) }

  /// Takes the process's limit as it is now.
  func readDescriptorLimit() {
    guard !isHosts else { return }
    descriptorEnd.store(DescriptorReserve.limitForClients(loops: loopCount), ordering: .relaxed)
  }

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
