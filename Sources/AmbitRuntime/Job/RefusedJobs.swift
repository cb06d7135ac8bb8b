internal import AmbitCore
internal import CAmbit

// Hooks of jobs that were refused. The plugin gets the argument of such a job back through the hook, never inside the
// call that has refused the job.

/// A refused job whose hook has not run: much smaller than a job, since a plugin may try again and again in one turn.
struct RefusedJob {
  /// Held until the hook has run. The hook counts among the jobs of the scope, for code that joins them, but not against
  /// the limit of the plugin.
  let scope: ScopePointer
  let onEnd: @convention(c) (UnsafeMutableRawPointer?, ambit_outcome, Int32) -> Void
  let argument: UnsafeMutableRawPointer?
  /// Why the job was refused.
  let status: Status
  /// The hook runs on a thread of the pool.
  let endsOnThread: Bool
  var next: UnsafeMutablePointer<RefusedJob>?
}

/// The refused jobs of a loop, the first refused first.
struct RefusedJobs {
  /// How many hooks run in one turn of the loop.
  fileprivate static var slice: Int { 1000 }

  fileprivate private(set) var first: UnsafeMutablePointer<RefusedJob>?
  private var last: UnsafeMutablePointer<RefusedJob>?
  /// The loop has been asked to run hooks in its next turn.
  fileprivate var isDue = false

  fileprivate mutating func append(_ job: RefusedJob) {
    let record = UnsafeMutablePointer<RefusedJob>.allocate(capacity: 1)
    record.initialize(to: job)
    if let last { last.pointee.next = record } else { first = record }
    last = record
  }

  fileprivate mutating func popFirst() -> RefusedJob? {
    guard let record = first else { return nil }
    let job = record.move()
    record.deallocate()
    first = job.next
    if first == nil { last = nil }
    return job
  }
}

extension UnsafeMutablePointer<Loop> {
  /// Has the hook of a refused job run in one of the loop's next turns. On the loop.
  func add(_ job: RefusedJob) {
    let scope = job.scope
    scope.pointee.jobCount &+= 1
    if let request = scope.pointee.requestScope { request.pointee.requestJobCount &+= 1 }
    scope.hold()
    pointee.refusedJobs.append(job)
    if !pointee.refusedJobs.isDue { expectEndsOfRefusedJobs() }
  }

  private func expectEndsOfRefusedJobs() {
    pointee.refusedJobs.isDue = true
    pointee.mailbox._withUnsafeGuaranteedRef { _ = $0.post { $0.endRefusedJobs() } }
  }

  /// Runs some of the hooks, and the others in the next turn.
  private func endRefusedJobs() {
    for _ in 0..<RefusedJobs.slice {
      guard let job = pointee.refusedJobs.popFirst() else { break }
      job.end()
    }
    guard pointee.refusedJobs.first != nil else { return pointee.refusedJobs.isDue = false }
    noteFreedMemory()
    expectEndsOfRefusedJobs()
  }
}

extension RefusedJob {
  /// Runs the hook, and then releases the scope. On the loop.
  fileprivate func end() {
    let leave = { scope.leave() }
    if endsOnThread { return scope.runHookOnThread("on_end", callHook, then: leave) }
    scope.pointee.loop.noteHook(.onEnd, of: scope, callHook)
    leave()
  }

  private func callHook() {
    let outcome: Outcome = status == .noMemory ? .failed : .cancelled
    onEnd(argument, ambit_outcome(outcome.rawValue), status.rawValue)
    ForkedChild.endIfReturned(from: .onEnd, of: scope)
  }
}

extension UnsafeMutablePointer<Scope> {
  /// The hook of a refused job has run.
  fileprivate func leave() {
    pointee.jobCount &-= 1
    if let request = pointee.requestScope { request.pointee.requestJobCount &-= 1 }
    wakeJoiners()
    wakeIdleWaiter()
    release()
  }
}
