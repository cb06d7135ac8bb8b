internal import AmbitCore
internal import CAmbit
internal import Synchronization

/// The process's references to scopes: weak, copied freely, and safe from any thread for ever.
///
/// A reference is the number of a slot and the generation that its scope has there. Only scopes that are referred to
/// have a slot, so no other pays for it.
public enum References {
  private struct Table {
    var slots: [ReferenceSlot] = []
    var free: [ReferenceSlot] = []
  }

  private static let table = Mutex(Table())

  /// A slot that serves no scope; nil if there are as many as can be numbered.
  fileprivate static func take() -> ReferenceSlot? {
    table.withLock { table in
      if let slot = table.free.popLast() { return slot }
      guard table.slots.count < Int(UInt32.max) else { return nil }
      let slot = ReferenceSlot(index: UInt32(table.slots.count))
      table.slots.append(slot)
      return slot
    }
  }

  fileprivate static func giveBack(_ slot: ReferenceSlot) {
    table.withLock { $0.free.append(slot) }
  }

  /// How many scopes are referred to that have not closed. From any thread.
  public static var count: Int { table.withLock { $0.slots.count - $0.free.count } }

  /// The slot of a reference and the generation it names; nil if there is no such slot.
  private static func slot(of id: UInt64) -> (slot: ReferenceSlot, generation: UInt32)? {
    let index = Int(truncatingIfNeeded: id & 0xFFFF_FFFF)
    let slot = table.withLock { index < $0.slots.count ? $0.slots[index] : nil }
    return slot.map { ($0, UInt32(id >> 32)) }
  }

  /// The cause of the scope behind a reference; `done` once it is gone. From any thread.
  static func cause(_ id: UInt64) -> Cause {
    slot(of: id).map { $0.slot.cause(generation: $0.generation) } ?? .done
  }

  /// The same, as the calling job has to know it: on the loop of the scope that job keeps the loop from turning.
  static func causeForCaller(_ id: UInt64) -> Cause {
    guard let (slot, generation) = slot(of: id) else { return .done }
    let cause = slot.cause(generation: generation)
    guard cause == .none, let loop = LoopPointer.ofThisThread, loop.pointee.current != nil,
      let scope = slot.openScope(generation: generation), scope.pointee.loop == loop
    else { return cause }
    return scope.causeForCaller()
  }

  /// Starts a job in the scope behind a reference, in one step with finding it open. From any thread; does not wait.
  static func post(_ function: @escaping ambit_job_fn, argument: UnsafeMutableRawPointer?, to id: UInt64) -> Status {
    slot(of: id).map { $0.slot.post(function, argument: argument, generation: $0.generation) } ?? .closed
  }
}

extension UnsafeMutablePointer<Scope> {
  /// The number that references to the scope carry; 0, which leads nowhere, if there is no memory.
  func reference() -> UInt64 {
    guard let attachments = attach() else { return 0 }
    if let reference = attachments.pointee.reference { return reference._withUnsafeGuaranteedRef { $0.id } }
    guard let slot = References.take() else { return 0 }
    slot.begin(self)
    attachments.pointee.reference = .passUnretained(slot)
    if pointee.isOpen, let request = pointee.requestScope { request.pointee.referenceCount += 1 }
    return slot.id
  }

  /// Tells those who hold references that the scope is cancelled. It has its cause.
  func endReference() {
    guard let reference = pointee.attachments?.pointee.reference else { return }
    let cause = pointee.cause
    reference._withUnsafeGuaranteedRef { $0.end(cause) }
    guard let request = pointee.requestScope else { return }
    request.pointee.referenceCount -= 1
    wakeIdleWaiter()
  }

  /// Spawns what was posted and has not arrived yet.
  func deliverPosted() {
    pointee.attachments?.pointee.reference?._withUnsafeGuaranteedRef { $0.deliver() }
  }

  /// Lets go of the slot: the scope is closed.
  func forget(_ reference: Unmanaged<ReferenceSlot>) {
    let slot = reference.takeUnretainedValue()
    if slot.close() { References.giveBack(slot) }
  }
}

/// Where the references to one scope lead: all that other threads may know of it, behind a small lock.
///
/// A slot serves one scope after the other, and never goes away. Each has its own generation, so an old reference finds
/// that its scope is gone.
final class ReferenceSlot: Sendable {
  private struct State {
    var generation: UInt32 = 1
    /// The scope, while it takes jobs.
    var scope: ScopePointer?
    var mailbox: Mailbox?
    var cause = Cause.none
    /// Posted, and not spawned yet.
    var posted: [PostedJob] = []
    /// Posted, and not ended.
    var jobCount: UInt32 = 0
    var jobLimit: UInt32 = 0
  }

  let index: UInt32
  private let state = Mutex(State())

  init(index: UInt32) {
    self.index = index
  }

  /// Serves `scope` from now on. On its loop.
  func begin(_ scope: ScopePointer) {
    let target = Unchecked(scope)
    let mailbox = scope.pointee.loop.pointee.mailbox.takeUnretainedValue()
    let limit = scope.postLimit
    let cause = scope.pointee.cause
    state.withLock { state in
      state.scope = target.value.pointee.isOpen ? target.value : nil
      state.mailbox = mailbox
      state.cause = cause
      state.jobCount = 0
      state.jobLimit = limit
    }
  }

  /// What a reference to the present scope is made of.
  var id: UInt64 {
    state.withLock { UInt64($0.generation) << 32 | UInt64(index) }
  }

  /// The scope has been cancelled: it takes no more jobs, and what was posted and has not been spawned never runs.
  func end(_ cause: Cause) {
    state.withLock { state in
      state.scope = nil
      state.cause = cause
      state.posted = []
    }
  }

  /// The scope has closed: its references say so. False if the slot has had as many scopes as it can tell apart.
  func close() -> Bool {
    state.withLock { state in
      state.scope = nil
      state.mailbox = nil
      state.posted = []
      state.generation &+= 1
      return state.generation != 0
    }
  }

  /// The scope's cause, `none` while it is open; `done` if it has closed. From any thread.
  func cause(generation: UInt32) -> Cause {
    state.withLock { $0.generation == generation ? $0.cause : .done }
  }

  /// The scope, if it is open. Its loop alone may look into it.
  func openScope(generation: UInt32) -> ScopePointer? {
    state.withLock { Unchecked($0.generation == generation ? $0.scope : nil) }.value
  }

  /// Takes a job on behalf of the scope if that is open. From any thread; does not wait.
  func post(_ function: @escaping ambit_job_fn, argument: UnsafeMutableRawPointer?, generation: UInt32) -> Status {
    let argument = Unchecked(argument)
    return state.withLock { state in
      guard state.generation == generation, state.scope != nil, let mailbox = state.mailbox else { return .closed }
      guard state.jobCount < state.jobLimit else { return .limit }
      state.jobCount += 1
      state.posted.append(PostedJob(function, argument.value, slot: self))
      if state.posted.count == 1 { mailbox.post { _ in self.deliver(generation: generation) } }
      return .ok
    }
  }

  /// Spawns what was posted, on the scope's loop.
  func deliver(generation: UInt32? = nil) {
    let (scope, jobs) = state.withLock { state -> (Unchecked<ScopePointer?>, [PostedJob]) in
      guard generation == nil || state.generation == generation else { return (Unchecked(nil), []) }
      defer { state.posted = [] }
      return (Unchecked(state.scope), state.posted)
    }
    guard let scope = scope.value else { return }
    for job in jobs { job.spawn(in: scope) }
  }

  func jobEnded() {
    state.withLock { $0.jobCount -= 1 }
  }
}

extension UnsafeMutablePointer<Scope> {
  /// How many posted jobs of the scope may be alive at once: as many as its other jobs.
  fileprivate var postLimit: UInt32 {
    guard pointee.requestScope != nil else { return pointee.maxJobs }
    return min(pointee.maxJobs, pointee.loop.pointee.limits.jobsPerRequest)
  }
}

/// A job on its way from another thread to its scope's loop, and until it has ended.
final class PostedJob: @unchecked Sendable {
  private let function: ambit_job_fn
  private let argument: UnsafeMutableRawPointer?
  private let slot: ReferenceSlot

  init(_ function: @escaping ambit_job_fn, _ argument: UnsafeMutableRawPointer?, slot: ReferenceSlot) {
    self.function = function
    self.argument = argument
    self.slot = slot
  }

  /// Makes it a job of `scope`. It was promised a place, so no limit holds.
  func spawn(in scope: ScopePointer) {
    var options = JobOptions()
    options.isPosted = true
    options.onEnd = { record, _, _ in Unmanaged<PostedJob>.fromOpaque(record!).takeRetainedValue().slot.jobEnded() }
    let run: ambit_job_fn = { scope, record in
      Unmanaged<PostedJob>.fromOpaque(record!).takeUnretainedValue().run(scope)
    }
    _ = scope.spawn(run, argument: Unmanaged.passRetained(self).toOpaque(), options: options, isHeld: false)
  }

  private func run(_ scope: UnsafeMutablePointer<ambit_scope>?) -> Int32 { function(scope, argument) }
}
