internal import AmbitCore
internal import AmbitSystem
internal import CAmbit
internal import Synchronization

/// The references of `ambit_ref`: weak references to scopes that any thread may copy and use, at any time.
///
/// A reference names a slot and the generation of the scope in that slot. A scope gets a slot with its first reference,
/// so other scopes pay nothing.
public enum References {
  private struct Table {
    var slots: [ReferenceSlot] = []
    var free: [ReferenceSlot] = []
  }

  private static let table = Mutex(Table())

  /// A free slot; nil if all numbers are taken.
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

  /// The number of scopes that have references and have not closed. From any thread.
  public static var count: Int { table.withLock { $0.slots.count - $0.free.count } }

  /// The slot and the generation that a reference names; nil if there is no such slot.
  private static func slot(of id: UInt64) -> (slot: ReferenceSlot, generation: UInt32)? {
    let index = Int(truncatingIfNeeded: id & 0xFFFF_FFFF)
    let slot = table.withLock { index < $0.slots.count ? $0.slots[index] : nil }
    return slot.map { ($0, UInt32(id >> 32)) }
  }

  /// The cause of the scope that a reference names; `done` after it has closed. From any thread.
  static func cause(_ id: UInt64) -> Cause {
    slot(of: id).map { $0.slot.cause(generation: $0.generation) } ?? .done
  }

  /// As `cause`, for a job that may run on the scope's loop and keep it from turning: see `Scope.causeForCaller`.
  static func causeForCaller(_ id: UInt64) -> Cause {
    guard let (slot, generation) = slot(of: id) else { return .done }
    let cause = slot.cause(generation: generation)
    guard cause == .none, let loop = LoopPointer.ofThisThread, loop.pointee.current != nil,
      let scope = slot.openScope(generation: generation), scope.pointee.loop == loop
    else { return cause }
    return scope.causeForCaller()
  }

  /// Starts a job in the scope that a reference names, if the scope is open. From any thread. Does not wait.
  static func post(_ function: @escaping ambit_job_fn, argument: UnsafeMutableRawPointer?, to id: UInt64) -> Status {
    slot(of: id).map { $0.slot.post(function, argument: argument, generation: $0.generation) } ?? .closed
  }
}

extension UnsafeMutablePointer<Scope> {
  /// The number of references to the scope; 0, which names no scope, if there is no memory.
  func reference() -> UInt64 {
    guard let coldState = ensureColdState() else { return 0 }
    if let reference = coldState.pointee.reference { return reference._withUnsafeGuaranteedRef { $0.id } }
    guard let slot = References.take() else { return 0 }
    slot.begin(self)
    coldState.pointee.reference = .passUnretained(slot)
    if pointee.isOpen, let request = pointee.requestScope { request.pointee.referenceCount += 1 }
    return slot.id
  }

  /// Passes the cause of the cancelled scope on to its references.
  func endReference() {
    guard let reference = pointee.coldState?.pointee.reference else { return }
    let cause = pointee.cause
    reference._withUnsafeGuaranteedRef { $0.end(cause) }
    guard let request = pointee.requestScope else { return }
    request.pointee.referenceCount -= 1
    wakeIdleWaiter()
  }

  /// Spawns the jobs that were posted and have not arrived yet.
  func deliverPosted() {
    pointee.coldState?.pointee.reference?._withUnsafeGuaranteedRef { $0.deliver() }
  }

  /// Gives the slot back. The scope is closed.
  func forget(_ reference: Unmanaged<ReferenceSlot>) {
    let slot = reference.takeUnretainedValue()
    if slot.close() { References.giveBack(slot) }
  }
}

/// The part of a scope that other threads may read and write, through references, behind a lock.
///
/// A slot is used for one scope after the other and is never released. Each scope has its own generation in the slot,
/// so that a reference to an earlier scope is recognised.
final class ReferenceSlot: Sendable {
  private struct State {
    var generation: UInt32 = 1
    /// The scope; nil once it is cancelled.
    var scope: ScopePointer?
    var mailbox: Mailbox?
    var cause = Cause.none
    /// Jobs that were posted and are not spawned yet.
    var posted: [PostedJob] = []
    /// Jobs that were posted and have not ended.
    var jobCount: UInt32 = 0
    var jobLimit: UInt32 = 0
    /// The limit of jobs of the plugin.
    var pluginLimit: UseLimit?
  }

  let index: UInt32
  private let state = Mutex(State())

  init(index: UInt32) {
    self.index = index
  }

  /// Starts to serve `scope`. On its loop.
  func begin(_ scope: ScopePointer) {
    let target = Unchecked(scope)
    let mailbox = scope.pointee.loop.pointee.mailbox.takeUnretainedValue()
    let limit = scope.postLimit
    let pluginLimit = scope.pointee.use.jobs.limit
    let cause = scope.pointee.cause
    state.withLock { state in
      state.scope = target.value.pointee.isOpen ? target.value : nil
      state.mailbox = mailbox
      state.cause = cause
      state.jobCount = 0
      state.jobLimit = limit
      state.pluginLimit = pluginLimit
    }
  }

  /// The number of a reference to the present scope.
  var id: UInt64 {
    state.withLock { UInt64($0.generation) << 32 | UInt64(index) }
  }

  /// The scope has been cancelled. It takes no more jobs, and posted jobs that were not spawned never run.
  func end(_ cause: Cause) {
    state.withLock { state in
      state.scope = nil
      state.cause = cause
      state.posted = []
    }
  }

  /// The scope has closed. False if the slot has no generation left for another scope.
  func close() -> Bool {
    state.withLock { state in
      state.scope = nil
      state.mailbox = nil
      state.posted = []
      state.generation &+= 1
      return state.generation != 0
    }
  }

  /// The scope's cause: `none` while it is open, `done` after it has closed. From any thread.
  func cause(generation: UInt32) -> Cause {
    state.withLock { $0.generation == generation ? $0.cause : .done }
  }

  /// The scope; nil if it is not open. Only its loop may read it.
  func openScope(generation: UInt32) -> ScopePointer? {
    state.withLock { Unchecked($0.generation == generation ? $0.scope : nil) }.value
  }

  /// Takes a job for the scope, if it is open. From any thread. Does not wait.
  func post(_ function: @escaping ambit_job_fn, argument: UnsafeMutableRawPointer?, generation: UInt32) -> Status {
    let argument = Unchecked(argument)
    return state.withLock { state in
      guard state.generation == generation, state.scope != nil, let mailbox = state.mailbox else { return .closed }
      guard state.jobCount < state.jobLimit, let limit = state.pluginLimit, limit.takeElsewhere() else {
        return .limit
      }
      state.jobCount += 1
      state.posted.append(PostedJob(function, argument.value, slot: self, countedBy: limit))
      if state.posted.count == 1 { mailbox.post { _ in self.deliver(generation: generation) } }
      return .ok
    }
  }

  /// Spawns the posted jobs. On the scope's loop.
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
  /// The largest number of posted jobs that may be alive at once: the same as for the scope's other jobs.
  fileprivate var postLimit: UInt32 {
    guard pointee.requestScope != nil else { return pointee.maxJobs }
    return min(pointee.maxJobs, pointee.loop.pointee.limits.jobsPerRequest)
  }
}

/// A job that another thread has posted, until it has ended.
final class PostedJob: @unchecked Sendable {
  private let function: ambit_job_fn
  private let argument: UnsafeMutableRawPointer?
  private let slot: ReferenceSlot
  /// Counts the job until the loop does; nil then.
  private var limit: UseLimit?

  init(
    _ function: @escaping ambit_job_fn, _ argument: UnsafeMutableRawPointer?, slot: ReferenceSlot,
    countedBy limit: UseLimit
  ) {
    self.function = function
    self.argument = argument
    self.slot = slot
    self.limit = limit
  }

  deinit { limit?.returnTaken() }

  /// Spawns the job in `scope`. It was counted against the limit when it was posted.
  func spawn(in scope: ScopePointer) {
    var options = JobOptions()
    options.isPosted = true
    options.onEnd = { record, _, _ in Unmanaged<PostedJob>.fromOpaque(record!).takeRetainedValue().slot.jobEnded() }
    let run: ambit_job_fn = { scope, record in
      Unmanaged<PostedJob>.fromOpaque(record!).takeUnretainedValue().run(scope)
    }
    _ = scope.spawn(run, argument: Unmanaged.passRetained(self).toOpaque(), options: options, isHeld: false)
    limit?.returnTaken()
    limit = nil
  }

  private func run(_ scope: UnsafeMutablePointer<ambit_scope>?) -> Int32 { function(scope, argument) }
}
