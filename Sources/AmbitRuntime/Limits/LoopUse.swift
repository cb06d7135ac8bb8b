internal import Synchronization

/// What one generation uses on one loop: a handle to a record that lives as long as the generation.
///
/// Only the loop's thread takes and gives back. As long as the loop uses less than its share of a limit, that is a
/// comparison and a store; beyond its share, it asks the `UseLimit`, which knows all loops.
public struct LoopUse: @unchecked Sendable {
  /// One resource on one loop. Public, as `takeBeyondShare`, so that `take` can be inlined into other modules.
  public struct Count: ~Copyable {
    /// What is in use. Only the loop writes it; any thread reads it.
    let used = Atomic<Int>(0)
    /// Up to so much the loop need not ask `limit`.
    let allowance = Atomic<Int>(0)
    let limit: Unmanaged<UseLimit>
  }

  let counts: UnsafeMutablePointer<Count>

  /// Requests whose scopes have not closed.
  @inline(__always) public var requests: UseCounter { UseCounter(count: counts) }
  /// Jobs that have not ended.
  @inline(__always) var jobs: UseCounter { UseCounter(count: counts + 1) }
  /// Bytes of the memory of scopes.
  @inline(__always) var memory: UseCounter { UseCounter(count: counts + 2) }

  /// How many counts a record has.
  static var countOfRecord: Int { 3 }
}

/// How much of one resource a generation uses on one loop.
public struct UseCounter: @unchecked Sendable {
  let count: UnsafeMutablePointer<LoopUse.Count>

  /// How much is in use on this loop. From any thread.
  @inline(__always)
  public var used: Int { count.pointee.used.load(ordering: .relaxed) }

  /// Takes `amount`, unless the generation would use more than its limit then. On the loop.
  @inline(__always)
  public func take(_ amount: Int = 1) -> Bool {
    let next = used &+ amount
    guard next <= count.pointee.allowance.load(ordering: .relaxed) else { return takeBeyondShare(amount) }
    count.pointee.used.store(next, ordering: .relaxed)
    return true
  }

  @inline(never)
  public func takeBeyondShare(_ amount: Int) -> Bool {
    count.pointee.limit._withUnsafeGuaranteedRef { $0.take(amount, for: self) }
  }

  /// Counts `amount` as used, whatever the limit says. On the loop.
  @inline(__always)
  func add(_ amount: Int = 1) { count.pointee.used.store(used &+ amount, ordering: .relaxed) }

  /// On the loop.
  @inline(__always)
  func giveBack(_ amount: Int = 1) { count.pointee.used.store(used &- amount, ordering: .relaxed) }

  /// The limit that the counter belongs to.
  var limit: UseLimit { count.pointee.limit.takeUnretainedValue() }
}
