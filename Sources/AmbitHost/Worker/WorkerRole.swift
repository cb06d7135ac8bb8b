internal import AmbitHTTP
internal import AmbitRuntime
internal import AmbitSystem

/// The place of a worker among the workers of its host.
struct WorkerRole: Sendable {
  /// What plugins find.
  let place: WorkerPlace
  /// The number of its event loops; 0: one for each CPU that the process may use.
  let loops: Int
  /// How it shares listening sockets with other workers; nil if it is the only one.
  let sharing: AcceptSharing?
  /// Whether it runs jobs with `AMBIT_JOB_ONCE` from the start.
  let runsOnceJobs: Bool

  /// The only worker, in the process of the host.
  static func only(loops: Int) -> WorkerRole {
    WorkerRole(place: .only, loops: loops, sharing: nil, runsOnceJobs: true)
  }

  private init(place: WorkerPlace, loops: Int, sharing: AcceptSharing?, runsOnceJobs: Bool) {
    (self.place, self.loops, self.sharing, self.runsOnceJobs) = (place, loops, sharing, runsOnceJobs)
  }

  /// - Parameter counters: the descriptor of the counts of connections, which is closed; nil if there are none.
  init(_ beginning: WorkerBeginning, counters: Int32?) {
    place = WorkerPlace(index: beginning.index, count: beginning.count)
    loops = beginning.loops
    let shared = beginning.countersSlot.flatMap { slot in
      counters.flatMap { SharedCounters(received: $0, slots: WorkerGroup.slotsOfCounters) }.map { ($0, slot: slot) }
    }
    sharing = AcceptSharing(shared, loopCount: beginning.loops * beginning.count)
    runsOnceJobs = false
  }
}
