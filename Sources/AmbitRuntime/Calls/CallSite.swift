internal import AmbitSystem
internal import CFiber
public import AmbitCore
public import CAmbit

/// Where a plugin's call comes from, and what that allows.
public enum CallSite {
  /// Runs `body` with the job that makes a call on `scope`: on the spot if that is the running one, or on the scope's
  /// loop while the thread of the pool on which the job runs waits.
  ///
  /// `.wrongThread` on a thread that has nothing to do with the scope's loop; `.wrongState` in a hook, which is on no
  /// job's account and cannot wait, wherever it runs.
  @inline(__always)
  public static func job(_ handle: UnsafeMutablePointer<ambit_scope>?, _ body: (ScopePointer, JobPointer) -> Status)
    -> Int32
  {
    guard let handle else { return Status.invalid.rawValue }
    let scope = ScopePointer.of(handle)
    guard let job = runningJob(of: scope) else { return elsewhere(scope, body).rawValue }
    return run(body, scope, job).rawValue
  }

  /// The same with what `body` needs besides, so that it captures nothing: a capture takes room on the stack, and of a
  /// great many jobs that wait each keeps it.
  @inline(__always)
  static func job<Argument>(
    _ handle: UnsafeMutablePointer<ambit_scope>?, _ argument: Argument,
    _ body: (ScopePointer, JobPointer, Argument) -> Status
  ) -> Int32 {
    guard let handle else { return Status.invalid.rawValue }
    let scope = ScopePointer.of(handle)
    guard let job = runningJob(of: scope) else { return elsewhere(scope, argument, body).rawValue }
    return run({ body($0, $1, argument) }, scope, job).rawValue
  }

  @inline(never)
  private static func elsewhere<Argument>(
    _ scope: ScopePointer, _ argument: Argument, _ body: (ScopePointer, JobPointer, Argument) -> Status
  ) -> Status {
    elsewhere(scope) { body($0, $1, argument) }
  }

  @inline(__always)
  private static func run(
    _ body: (ScopePointer, JobPointer) -> Status, _ scope: ScopePointer, _ job: JobPointer
  ) -> Status {
    let status = body(scope, job)
    if status == .cancelled { job.noteCancelledWait() }
    return status
  }

  /// The job that runs on the scope's loop; nil on another thread, or while no job runs. A function of its own, so that
  /// callers in other modules, which call it, have the rest of `job` in place.
  @inline(__always)
  public static func runningJob(of scope: ScopePointer) -> JobPointer? {
    isOnLoop(of: scope) ? scope.pointee.loop.pointee.current : nil
  }

  /// The same as `job`, for a call that the running job of the scope's loop does not make.
  public static func elsewhere(_ scope: ScopePointer, _ body: (ScopePointer, JobPointer) -> Status) -> Status {
    guard !isOnLoop(of: scope) else { return .wrongState }
    return fromThread(scope) { job in job.pointee.isHook ? .wrongState : run(body, scope, job) }
  }

  /// Runs `body` on a call that needs no job, only the scope's loop: also in hooks.
  @inline(__always)
  public static func loop(_ handle: UnsafeMutablePointer<ambit_scope>?, _ body: (ScopePointer) -> Status) -> Int32 {
    guard let handle else { return Status.invalid.rawValue }
    let scope = ScopePointer.of(handle)
    guard isOnLoop(of: scope) else {
      return fromThread(scope) { _ in body(scope) }.rawValue
    }
    return body(scope).rawValue
  }

  /// The same for a call that ends scopes or jobs, or moves a deadline: made from a thread, it reaches a job that
  /// computes on the loop. `body` runs no code of a plugin there, and waits for nothing.
  @inline(__always)
  static func ending(_ handle: UnsafeMutablePointer<ambit_scope>?, _ body: @escaping @Sendable (ScopePointer) -> Status)
    -> Int32
  {
    guard let handle else { return Status.invalid.rawValue }
    let scope = ScopePointer.of(handle)
    return isOnLoop(of: scope) ? body(scope).rawValue : endingFromThread(scope, body)
  }

  @inline(never)
  private static func endingFromThread(_ scope: ScopePointer, _ body: @escaping @Sendable (ScopePointer) -> Status)
    -> Int32
  {
    guard cfiber_loop() == nil, job?.pointee.loop == scope.pointee.loop else { return Status.wrongThread.rawValue }
    let (target, result) = (Unchecked(scope), EarlyResult())
    scope.pointee.loop.pointee.mailbox._withUnsafeGuaranteedRef {
      $0.postUrgent { _ in result.status = body(target.value) }
    }
    // It comes behind what was just posted.
    return fromThread(scope) { _ in result.status }.rawValue
  }

  /// Written and read on the loop.
  private final class EarlyResult: @unchecked Sendable {
    var status = Status.noMemory
  }

  /// Whether this is the thread of the scope's loop. As numbers: as pointers that may be nil they take twice as long.
  @inline(__always)
  private static func isOnLoop(of scope: ScopePointer) -> Bool {
    UInt(bitPattern: cfiber_loop()) == UInt(bitPattern: scope.pointee.loop)
  }

  /// The job that makes the call: the running one, or the one for which the calling thread runs.
  public static var job: JobPointer? {
    if let loop = LoopPointer.ofThisThread { return loop.pointee.current }
    return cfiber_guest()?.assumingMemoryBound(to: Job.self)
  }

  /// Whether the calling thread runs a hook of a plugin, or other code that is on no job's account.
  static var isInHook: Bool { job?.pointee.isHook ?? true }

  @inline(never)
  private static func fromThread(_ scope: ScopePointer, _ body: (JobPointer) -> Status) -> Status {
    guard cfiber_loop() == nil, let job, job.pointee.loop == scope.pointee.loop else { return .wrongThread }
    var status = Status.noMemory
    return job.callOnLoop({ status = body(job) }) ? status : .noMemory
  }
}
