internal import AmbitSystem
internal import CLinux
internal import Glibc
internal import Synchronization

/// How other threads reach a loop. What they post runs on the loop, in order, in one of its next turns.
final class Mailbox: Sendable {
  typealias Work = @Sendable (LoopPointer) -> Void

  /// Whether a thread that posts has to wake the loop.
  private enum State: UInt8, AtomicRepresentable {
    /// Yes: the loop sleeps, or is about to.
    case sleeping
    /// No: the loop looks here before it sleeps.
    case polling
    /// No: the loop has nothing to do but to look here.
    case spinning
    /// No: mail has been posted that the loop has not taken yet.
    case posted
  }

  private struct Mail {
    var pending: [Work] = []
    /// The part of `pending` that may run before its turn.
    var urgent: [UrgentWork] = []
    /// Becomes `pending` while the loop runs what was pending: the storage of earlier mail.
    var spare: [Work] = []
  }

  /// Storage for so many items is kept.
  private static var keptCapacity: Int { 256 }

  private let mail = Mutex(Mail())
  private let state = Atomic(State.sleeping)
  /// There may be urgent work. Written with the lock held.
  private let hasUrgent = Atomic(false)
  /// The eventfd(2) that wakes the loop. Nobody reads it, so it is to be watched with EPOLLET: one event per write.
  let descriptor: Int32

  init() throws(SystemError) {
    descriptor = try SystemError.check("eventfd", clinux_eventfd(0))
    clinux_set_use(descriptor, CLINUX_VITAL)
  }

  deinit { clinux_close(descriptor) }

  /// Posts work; true if the loop spins for it, with nothing else to do. From any thread; does not wait.
  @discardableResult
  func post(_ work: @escaping Work) -> Bool {
    mail.withLock { $0.pending.append(work) }
    return notePosted()
  }

  /// Posts work that ends scopes or moves their deadlines. It runs in its order, or earlier: inside a call of a job
  /// that computes and asks whether it is cancelled. So it must run no plugin code and wait for nothing. From any
  /// thread; does not wait.
  func postUrgent(_ work: @escaping Work) {
    let urgent = UrgentWork(work)
    mail.withLock { mail in
      mail.pending.append { urgent.run(on: $0) }
      mail.urgent.append(urgent)
      hasUrgent.store(true, ordering: .relaxed)
    }
    notePosted()
  }

  /// Runs urgent work that has not run yet. On the loop.
  func runUrgent(on loop: LoopPointer) {
    guard hasUrgent.load(ordering: .relaxed) else { return }
    for work in mail.withLock({ takeUrgent(&$0) }) { work.run(on: loop) }
  }

  private func takeUrgent(_ mail: inout Mail) -> [UrgentWork] {
    hasUrgent.store(false, ordering: .relaxed)
    defer { mail.urgent = [] }
    return mail.urgent
  }

  /// Wakes the loop if need be; true if the loop spins for mail.
  @discardableResult
  private func notePosted() -> Bool {
    let earlier = state.exchange(.posted, ordering: .sequentiallyConsistent)
    if earlier == .sleeping { wake() }
    return earlier == .spinning
  }

  /// Wakes the loop. If plugin code has closed the descriptor, nothing could wake the loop any more: the process ends.
  private func wake() {
    var one: UInt64 = 1
    if write(descriptor, &one, 8) < 0, errno == EBADF { ClosedDescriptors.endHost(forLossOf: descriptor) }
  }

  /// From now on nobody wakes the loop: it looks whether it `hasMail`, until `endPolling`. On the loop.
  func beginPolling() {
    _ = state.compareExchange(expected: .sleeping, desired: .polling, ordering: .sequentiallyConsistent)
  }

  /// Whether mail has been posted since the loop took mail last. On the loop.
  var hasMail: Bool { state.load(ordering: .relaxed) == .posted }

  /// The loop is polling and has nothing else to do, until `endSpinning`. On the loop.
  func beginSpinning() {
    _ = state.compareExchange(expected: .polling, desired: .spinning, ordering: .relaxed)
  }

  /// The loop has something else to do. On the loop.
  func endSpinning() {
    _ = state.compareExchange(expected: .spinning, desired: .polling, ordering: .relaxed)
  }

  /// From now on a thread that posts wakes the loop; false if mail is here already, for which nobody will. On the loop.
  func endPolling() -> Bool {
    state.compareExchange(expected: .polling, desired: .sleeping, ordering: .sequentiallyConsistent).original != .posted
  }

  /// Runs pending work, on the loop; `isIdle` says that the loop is polling and has nothing else to do.
  func deliver(to loop: LoopPointer, isIdle: Bool = false) {
    let next = isIdle ? State.spinning : loop.pointee.busyPolling.isPolling ? .polling : .sleeping
    state.store(next, ordering: .sequentiallyConsistent)
    var work = mail.withLock { mail in
      let work = mail.pending
      mail.pending = mail.spare
      mail.spare = []
      // Urgent work is part of `work`, which runs now.
      if !mail.urgent.isEmpty { _ = takeUrgent(&mail) }
      return work
    }
    for item in work { item(loop) }
    guard work.capacity <= Self.keptCapacity else { return }
    work.removeAll(keepingCapacity: true)
    mail.withLock { [work] in $0.spare = work }
  }
}

/// Work that stands in two lists and runs once, when the first of them is run. Only its loop runs it.
private final class UrgentWork: @unchecked Sendable {
  private var work: Mailbox.Work?

  init(_ work: @escaping Mailbox.Work) { self.work = work }

  func run(on loop: LoopPointer) {
    let work = work
    self.work = nil
    work?(loop)
  }
}
