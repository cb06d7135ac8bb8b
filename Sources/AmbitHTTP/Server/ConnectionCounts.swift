package import AmbitSystem
internal import Synchronization

/// How a server shares its listening sockets with servers in other processes of the host.
package struct AcceptSharing: Sendable {
  /// The counts of connections of all processes.
  package let counters: SharedCounters
  /// The slot of this process.
  package let slot: Int
  /// How many event loops all processes have together when all run.
  package let loopCount: Int

  /// - Parameters:
  ///   - counters: those of the supervisor, and `slot` in them; nil if they cannot be had: then this process counts for
  ///     itself.
  ///   - loopCount: how many event loops all processes have together when all run.
  package init(_ counters: (SharedCounters, slot: Int)?, loopCount: Int) {
    (self.counters, slot) = counters ?? (SharedCounters(), 0)
    self.loopCount = loopCount
  }
}

/// Counts the connections of all loops that accept from the same sockets, also in other processes. Any loop may call
/// it.
final class ConnectionCounts: Sendable {
  /// Whether other loops accept from the same sockets.
  let isShared: Bool
  /// The clients belong to the operator, and may use the reserved descriptors: `DescriptorReserve`.
  let isHosts: Bool
  /// The loops of this process.
  private let loops: Int
  /// Descriptors from this number on are reserved.
  private let descriptorEnd = Atomic<Int32>(.max)
  private let counters: SharedCounters
  private let slot: Int

  init(loops: Int, isHosts: Bool, sharing: AcceptSharing?) {
    (self.loops, self.isHosts) = (loops, isHosts)
    isShared = (sharing?.loopCount ?? loops) > 1
    (counters, slot) = sharing.map { ($0.counters, $0.slot) } ?? (SharedCounters(), 0)
    readDescriptorLimit()
  }

  var descriptorLimit: Int32 { descriptorEnd.load(ordering: .relaxed) }

  /// Reads the process's limit of descriptors.
  func readDescriptorLimit() {
    guard !isHosts else { return }
    descriptorEnd.store(DescriptorReserve.limitForClients(loops: loops), ordering: .relaxed)
  }

  /// Whether the loops of this process accept connections, so that their connections count in the average.
  func setAccepting(_ accepts: Bool) { counters.setLoops(accepts ? loops : 0, in: slot) }

  func connectionOpened() { counters.connectionOpened(in: slot) }

  func connectionClosed() { counters.connectionClosed(in: slot) }

  /// Open connections per loop, rounded down.
  var average: Int { counters.average }

  /// Connections accepted since the start.
  var acceptedCount: Int { counters.acceptedCount }
}
