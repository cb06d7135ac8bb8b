internal import AmbitCore
internal import CAmbit
internal import Synchronization

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
      state.scope = target.value.pointee.state == .open ? target.value : nil
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
