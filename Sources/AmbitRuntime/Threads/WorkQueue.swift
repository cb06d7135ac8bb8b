/// Something for a thread of the pool to run.
final class PoolWork: @unchecked Sendable {
  fileprivate enum State {
    case waiting
    case taken
    case withdrawn
  }

  let run: @Sendable () -> Void
  /// What the caller knows the work by.
  let subject: UInt
  /// What is to be done instead, by whoever withdraws it.
  let withdrawn: () -> Void
  /// In which it has its turn; nil: it runs beside all others.
  let lane: SerialLane?
  /// Whose call it is; nil if that is not known.
  let owner: WorkOwner?
  /// Its queue's.
  fileprivate var state = State.waiting

  init(
    for subject: UInt = 0, in lane: SerialLane? = nil, owner: WorkOwner? = nil,
    withdrawn: @escaping () -> Void = {}, run: @escaping @Sendable () -> Void
  ) {
    self.subject = subject
    self.lane = lane
    self.owner = owner
    self.run = run
    self.withdrawn = withdrawn
  }
}

/// Work that waits for a thread, first in, first out. Its owner sees to it that one thread at a time uses it.
struct WorkQueue {
  /// From `start` on; what comes before has been taken.
  private var items: [PoolWork?] = []
  private var start = 0
  /// How many of these have been withdrawn.
  private var withdrawnCount = 0

  /// How many wait.
  var count: Int { items.count - start - withdrawnCount }

  /// Also takes work that another queue has given out.
  mutating func append(_ work: PoolWork) {
    work.state = .waiting
    items.append(work)
  }

  /// Takes the work that has waited longest; nil if none waits.
  mutating func popFirst() -> PoolWork? {
    while start < items.count {
      let work = items[start].take()!
      start += 1
      // What is left is moved once at most for each that is taken.
      if start * 2 >= items.count { compact() }
      if work.state == .waiting {
        work.state = .taken
        return work
      }
      withdrawnCount -= 1
    }
    return nil
  }

  /// Gives up work that was appended; false if it has been taken.
  mutating func withdraw(_ work: PoolWork) -> Bool {
    guard work.state == .waiting else { return false }
    work.state = .withdrawn
    withdrawnCount += 1
    if withdrawnCount * 2 > items.count - start { dropWithdrawn() }
    return true
  }

  private mutating func dropWithdrawn() {
    items.removeAll { $0 == nil || $0!.state == .withdrawn }
    start = 0
    withdrawnCount = 0
  }

  private mutating func compact() {
    items.removeSubrange(..<start)
    start = 0
  }
}
