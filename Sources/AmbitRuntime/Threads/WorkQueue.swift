/// Work for a thread of the pool.
final class PoolWork: @unchecked Sendable {
  fileprivate enum State {
    case waiting
    case taken
    case withdrawn
  }

  let run: @Sendable () -> Void
  /// Identifies the work to the caller: the address of its job.
  let subject: UInt
  /// Called by the thread that withdraws the work, in place of `run`.
  let withdrawn: () -> Void
  /// The lane in which it waits for its turn; nil if it need not wait for other work.
  let lane: SerialLane?
  /// Whose work it is; nil if that is not known.
  let owner: WorkOwner?
  /// The threads that it may use; nil: all of the pool.
  let share: ThreadShare?
  /// It waits for a thread of `share`. Guarded by the pool's lock.
  var isHeldBack = false
  /// Owned by the queue that holds the work.
  fileprivate var state = State.waiting

  init(
    for subject: UInt = 0, in lane: SerialLane? = nil, owner: WorkOwner? = nil, share: ThreadShare? = nil,
    withdrawn: @escaping () -> Void = {}, run: @escaping @Sendable () -> Void
  ) {
    self.subject = subject
    self.lane = lane
    self.owner = owner
    self.share = share
    self.run = run
    self.withdrawn = withdrawn
  }
}

/// Work that waits for a thread, first in, first out. The caller's lock guards it.
struct WorkQueue {
  /// The items from `start` on wait; the items before have been taken.
  private var items: [PoolWork?] = []
  private var start = 0
  /// How many of the items that wait have been withdrawn.
  private var withdrawnCount = 0

  /// How many items wait.
  var count: Int { items.count - start - withdrawnCount }

  /// Appends work; it may have been taken out of another queue.
  mutating func append(_ work: PoolWork) {
    work.state = .waiting
    items.append(work)
  }

  /// Takes the work that has waited longest; nil if no work waits.
  mutating func popFirst() -> PoolWork? {
    while start < items.count {
      let work = items[start].take()!
      start += 1
      // So each item is moved at most once, on average.
      if start * 2 >= items.count { compact() }
      if work.state == .waiting {
        work.state = .taken
        return work
      }
      withdrawnCount -= 1
    }
    return nil
  }

  /// Withdraws work that was appended; false if it has been taken.
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
