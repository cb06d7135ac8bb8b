internal import CFiber
internal import CLinux
internal import Glibc

/// A loop whose thread waits for a lock in plugin code, and who seems to hold the lock.
///
/// A lock of pthread_mutex_lock(3), which std::mutex is too, knows the thread that holds it. If that is the loop's own,
/// a job has locked it and has waited with it, and the loop, which waits for the lock, can never run that job again.
struct LockWait {
  private enum Holder {
    /// The loop's own thread; with the work that probably locked it, if it was found.
    case ownThread(WorkLabel?)
    case thread(Int32)
    /// The futex is not such a lock: that of another language, or no lock at all.
    case unknown
  }

  private let holder: Holder

  /// Nil if the thread, which has the kernel's number `thread`, does not wait for a lock. From another thread than the
  /// loop's, while plugin code blocks the loop.
  init?(of loop: LoopPointer, thread: Int32) {
    guard case .inCall("futex", let word, _, _) = ThreadState(ofThread: thread) else { return nil }
    switch Self.owner(ofLockAt: word) {
    case thread: holder = .ownThread(Self.suspect(on: loop, lock: word))
    case let other where other > 0 && SystemThreads.exists(other): holder = .thread(other)
    default: holder = .unknown
    }
  }

  /// What follows the name of the work that waits, in a sentence.
  var phrase: String {
    switch holder {
    case .ownThread(let suspect?):
      """
      , which waits for a lock that \(suspect.phrase) probably holds while it is suspended in scope \
      \(suspect.scope?.id ?? 0): a job must not hold a lock across a wait
      """
    case .ownThread(nil):
      """
      , which waits for a lock that a job of the same loop holds while it is suspended, or that it holds itself: a job \
      must not hold a lock across a wait
      """
    case .thread(let number): ", which waits for a lock that thread \(number) holds"
    case .unknown: ", which waits for a lock or another thread; does a suspended job hold the lock?"
    }
  }

  /// The thread that holds the lock of the C library at `address`; 0 if it is none, or nobody holds it.
  private static func owner(ofLockAt address: UInt) -> Int32 {
    // The lock's state, a count, and the owner: the beginning of pthread_mutex_t.
    var words: [Int32] = [0, 0, 0]
    guard clinux_peek(address, &words, 12) == 12, words[0] != 0 else { return 0 }
    return words[2]
  }

  /// The suspended work of the waiting job's generation that has the lock's address on its stack, or else the only
  /// suspended work.
  ///
  /// The loop's records stay as they are: its thread waits for a lock that only it can unlock.
  private static func suspect(on loop: LoopPointer, lock: UInt) -> WorkLabel? {
    guard let current = loop.pointee.current, let generation = current.pointee.scope.pointee.generation else {
      return nil
    }
    var suspended = SuspendedWork(except: current)
    suspended.visit(generation.pointee.shards[loop.pointee.index])
    let suspect =
      suspended.found.first { refers($0.job, to: lock) } ?? (suspended.found.count == 1 ? suspended.found[0] : nil)
    return suspect.map { WorkLabel($0.job, in: $0.scope) }
  }

  private static func refers(_ job: JobPointer, to address: UInt) -> Bool {
    guard let fiber = job.pointee.fiber, let low = fiber.pointee.stack_low, let stackPointer = fiber.pointee.sp else {
      return false
    }
    return StackScan.contains(
      pointersTo: clinux_range(start: address, end: address + 1), from: UInt(bitPattern: stackPointer),
      to: UInt(bitPattern: low) + UInt(fiber.pointee.stack_size))
  }
}

/// The suspended jobs and handlers below a scope.
private struct SuspendedWork {
  /// How many are listed at most.
  private static var limit: Int { 1000 }

  private let excluded: JobPointer
  private(set) var found: [(job: JobPointer, scope: ScopePointer)] = []

  init(except job: JobPointer) { excluded = job }

  mutating func visit(_ scope: ScopePointer) {
    if let handler = scope.pointee.handlerJob { add(handler, in: scope) }
    scope.jobsLink.forEach { add(.of(sibling: $0), in: scope) }
    scope.childrenLink.forEach { visit(.of(sibling: $0)) }
  }

  private mutating func add(_ job: JobPointer, in scope: ScopePointer) {
    let isSuspended = job.pointee.state == .suspended || job.pointee.state == .blocked || job.pointee.state == .ready
    if isSuspended, job.pointee.fiber != nil, job != excluded, found.count < Self.limit { found.append((job, scope)) }
  }
}

private enum SystemThreads {
  static func exists(_ thread: Int32) -> Bool { access("/proc/self/task/\(thread)", F_OK) == 0 }
}
