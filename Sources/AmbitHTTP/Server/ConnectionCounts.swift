internal import AmbitRuntime
internal import AmbitSystem
internal import Synchronization

/// Counts the connections of all loops of a server. Any loop may call it.
final class ConnectionCounts: Sendable {
  let loopCount: Int
  /// The clients are the operator's, and may use the reserved descriptors: `DescriptorReserve`.
  let isHosts: Bool
  /// Descriptors from this number on are reserved.
  private let descriptorEnd = Atomic<Int32>(.max)
  private let open = Atomic<Int>(0)
  private let accepted = Atomic<Int>(0)

  init(loopCount: Int, isHosts: Bool) {
    (self.loopCount, self.isHosts) = (loopCount, isHosts)
    readDescriptorLimit()
  }

  var descriptorLimit: Int32 { descriptorEnd.load(ordering: .relaxed) }

  /// Reads the process's limit of descriptors.
  func readDescriptorLimit() {
    guard !isHosts else { return }
    descriptorEnd.store(DescriptorReserve.limitForClients(loops: loopCount), ordering: .relaxed)
  }

  func connectionOpened() {
    open.add(1, ordering: .relaxed)
    accepted.add(1, ordering: .relaxed)
  }

  func connectionClosed() { open.subtract(1, ordering: .relaxed) }

  /// Open connections per loop, rounded down.
  var average: Int { open.load(ordering: .relaxed) / loopCount }

  /// Connections accepted since the start.
  var acceptedCount: Int { accepted.load(ordering: .relaxed) }
}
