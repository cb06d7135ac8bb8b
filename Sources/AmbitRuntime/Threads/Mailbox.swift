internal import AmbitSystem
internal import CLinux
internal import Glibc
internal import Synchronization

/// How other threads reach a loop: what they post runs on the loop, in order, in one of its next turns.
final class Mailbox: Sendable {
  typealias Work = @Sendable (LoopPointer) -> Void

  /// What somebody who posts has to do.
  private enum Bell: UInt8, AtomicRepresentable {
    /// Ring: the loop sleeps, or will.
    case armed
    /// Nothing: the loop looks here before it sleeps.
    case watched
    /// Nothing: the loop stays awake for it.
    case awaited
    /// Nothing: somebody has posted, and the loop has not looked since.
    case rung
  }

  private struct Mail {
    var pending: [Work] = []
    /// What of it may run before its turn.
    var urgent: [UrgentWork] = []
    /// Where the next mail goes, while what was pending is run: the room of earlier mail.
    var room: [Work] = []
  }

  /// Room for so much mail is kept.
  private static var keptRoom: Int { 256 }

  private let mail = Mutex(Mail())
  private let bell = Atomic(Bell.armed)
  /// Something urgent may be there. Changed with the lock held.
  private let hasUrgent = Atomic(false)
  /// Has an event for each ring, eventfd(2); to be watched with EPOLLET, since nobody reads it.
  let descriptor: Int32

  init() throws(SystemError) {
    descriptor = try SystemError.check("eventfd", clinux_eventfd(0))
    clinux_set_use(descriptor, CLINUX_VITAL)
  }

  deinit { clinux_close(descriptor) }

  /// Posts work; true if the loop stays awake for it, with nothing else to do. From any thread; does not wait.
  @discardableResult
  func post(_ work: @escaping Work) -> Bool {
    mail.withLock { $0.pending.append(work) }
    return notePosted()
  }

  /// Posts work that ends scopes or moves their deadlines. It runs in its order, or before its turn: inside a call of
  /// the job that runs, if that computes and asks whether it is cancelled. So it may run no code of a plugin, and wait
  /// for nothing. From any thread; does not wait.
  func postUrgent(_ work: @escaping Work) {
    let urgent = UrgentWork(work)
    mail.withLock { mail in
      mail.pending.append { urgent.run(on: $0) }
      mail.urgent.append(urgent)
      hasUrgent.store(true, ordering: .relaxed)
    }
    notePosted()
  }

  /// Runs what is urgent and has not run yet. On the loop.
  func runUrgent(on loop: LoopPointer) {
    guard hasUrgent.load(ordering: .relaxed) else { return }
    for work in mail.withLock({ takeUrgent(&$0) }) { work.run(on: loop) }
  }

  private func takeUrgent(_ mail: inout Mail) -> [UrgentWork] {
    hasUrgent.store(false, ordering: .relaxed)
    defer { mail.urgent = [] }
    return mail.urgent
  }

  /// Something has been posted; true if the loop stays awake for it.
  @discardableResult
  private func notePosted() -> Bool {
    let earlier = bell.exchange(.rung, ordering: .sequentiallyConsistent)
    if earlier == .armed { ring() }
    return earlier == .awaited
  }

  /// Wakes the loop. Without the descriptor, which code of a plugin may have closed, it would be deaf for good.
  private func ring() {
    var one: UInt64 = 1
    if write(descriptor, &one, 8) < 0, errno == EBADF { ClosedDescriptors.endHost(forLossOf: descriptor) }
  }

  /// From now on nobody rings: the loop looks whether it `hasMail`, until `armBell`. On the loop.
  func watch() {
    _ = bell.compareExchange(expected: .armed, desired: .watched, ordering: .sequentiallyConsistent)
  }

  /// Whether something has been posted since the loop delivered last. On the loop.
  var hasMail: Bool { bell.load(ordering: .relaxed) == .rung }

  /// From now on the loop, which is watching, has nothing to do but to look, until `endVigil`. On the loop.
  func beginVigil() {
    _ = bell.compareExchange(expected: .watched, desired: .awaited, ordering: .relaxed)
  }

  func endVigil() {
    _ = bell.compareExchange(expected: .awaited, desired: .watched, ordering: .relaxed)
  }

  /// From now on whoever posts rings, but for what is here already: false then. On the loop.
  func armBell() -> Bool {
    bell.compareExchange(expected: .watched, desired: .armed, ordering: .sequentiallyConsistent).original != .rung
  }

  /// Runs what is pending, on the loop; `isAwaited` says that the loop, which is watching, has nothing else to do.
  func deliver(to loop: LoopPointer, isAwaited: Bool = false) {
    let state = isAwaited ? Bell.awaited : loop.pointee.lookout.isWatching ? .watched : .armed
    bell.store(state, ordering: .sequentiallyConsistent)
    var work = mail.withLock { mail in
      let work = mail.pending
      mail.pending = mail.room
      mail.room = []
      // It is all part of what runs now.
      if !mail.urgent.isEmpty { _ = takeUrgent(&mail) }
      return work
    }
    for item in work { item(loop) }
    guard work.capacity <= Self.keptRoom else { return }
    work.removeAll(keepingCapacity: true)
    mail.withLock { [work] in $0.room = work }
  }
}

/// Work that runs once, at the first of two places. Its loop alone runs it.
private final class UrgentWork: @unchecked Sendable {
  private var work: Mailbox.Work?

  init(_ work: @escaping Mailbox.Work) { self.work = work }

  func run(on loop: LoopPointer) {
    let work = work
    self.work = nil
    work?(loop)
  }
}
