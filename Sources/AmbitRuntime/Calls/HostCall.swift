public import AmbitCore
internal import AmbitSystem
public import CAmbit
internal import CFiber

/// How a call of `ambit.h` enters the host: finds the job that makes the call, and runs the call's body on the loop of
/// the scope that the plugin passed.
public enum HostCall {
  /// Runs `body` as the job that makes `call` on `scope`: at once if that is the running job, or on the scope's loop
  /// while the job's pool thread waits. If `body` fails, the job remembers the call: `FailedCall`.
  ///
  /// Returns `.wrongThread` on a thread that does not belong to the scope's loop, and `.wrongState` in a hook on any
  /// thread: a hook belongs to no job and cannot wait.
  @inline(__always)
  public static func asJob(
    _ handle: UnsafeMutablePointer<ambit_scope>?, _ call: CallName, _ body: (ScopePointer, JobPointer) -> Status
  ) -> Int32 {
    guard let handle else { return Status.invalid.rawValue }
    let scope = ScopePointer.of(handle)
    guard let job = scope.runningJob else { return elsewhere(scope, call, body).rawValue }
    return run(call, body, scope, job).rawValue
  }

  /// The same, but passes `argument` to `body`, so that `body` captures nothing: a capture takes room on the stack, and
  /// each of a great many waiting jobs would keep it.
  @inline(__always)
  static func asJob<Argument>(
    _ handle: UnsafeMutablePointer<ambit_scope>?, _ call: CallName, _ argument: Argument,
    _ body: (ScopePointer, JobPointer, Argument) -> Status
  ) -> Int32 {
    guard let handle else { return Status.invalid.rawValue }
    let scope = ScopePointer.of(handle)
    guard let job = scope.runningJob else { return elsewhere(scope, call, argument, body).rawValue }
    return run(call, { body($0, $1, argument) }, scope, job).rawValue
  }

  @inline(never)
  private static func elsewhere<Argument>(
    _ scope: ScopePointer, _ call: CallName, _ argument: Argument,
    _ body: (ScopePointer, JobPointer, Argument) -> Status
  ) -> Status {
    elsewhere(scope, call) { body($0, $1, argument) }
  }

  @inline(__always)
  private static func run(
    _ call: CallName, _ body: (ScopePointer, JobPointer) -> Status, _ scope: ScopePointer, _ job: JobPointer
  ) -> Status {
    let status = body(scope, job)
    if status == .cancelled {
      job.noteCancelledWait()
    } else if status.rawValue < 0 {
      job.callFailed(call, status)
    }
    return status
  }

  /// The same as `asJob` for a call that the running job of the scope's loop does not make. A function of its own, so
  /// that the fast path of `asJob` can be inlined into other modules.
  public static func elsewhere(
    _ scope: ScopePointer, _ call: CallName, _ body: (ScopePointer, JobPointer) -> Status
  ) -> Status {
    guard !scope.isOnThisThread else { return .wrongState }
    return fromThread(scope) { job in job.pointee.isHook ? .wrongState : run(call, body, scope, job) }
  }

  /// Runs `body` for `call`, which needs the scope's loop but no job; works in hooks, too. If `body` fails in a job,
  /// the job remembers the call: `FailedCall`.
  @inline(__always)
  public static func onLoop(
    _ handle: UnsafeMutablePointer<ambit_scope>?, _ call: CallName, _ body: (ScopePointer) -> Status
  ) -> Int32 {
    onLoop(handle) { scope in
      let status = body(scope)
      if status.rawValue < 0 { failed(call, status) }
      return status
    }
  }

  /// The call that runs on this loop has failed.
  // Out of line and without the scope, so that calls that succeed take no longer.
  @inline(never)
  public static func failed(_ call: CallName, _ status: Status) {
    LoopPointer.ofThisThread?.pointee.current?.callFailed(call, status)
  }

  /// The same for a call that returns no status.
  @inline(__always)
  public static func onLoop(_ handle: UnsafeMutablePointer<ambit_scope>?, _ body: (ScopePointer) -> Status) -> Int32 {
    guard let handle else { return Status.invalid.rawValue }
    let scope = ScopePointer.of(handle)
    guard scope.isOnThisThread else {
      return fromThread(scope) { _ in body(scope) }.rawValue
    }
    return body(scope).rawValue
  }

  /// The same for a call that ends scopes or jobs, or moves a deadline. Made from a pool thread, it takes effect even
  /// while a job computes on the loop. `body` runs no plugin code there and waits for nothing.
  @inline(__always)
  static func urgent(_ handle: UnsafeMutablePointer<ambit_scope>?, _ body: @escaping @Sendable (ScopePointer) -> Status)
    -> Int32
  {
    guard let handle else { return Status.invalid.rawValue }
    let scope = ScopePointer.of(handle)
    return scope.isOnThisThread ? body(scope).rawValue : urgentFromThread(scope, body)
  }

  @inline(never)
  private static func urgentFromThread(_ scope: ScopePointer, _ body: @escaping @Sendable (ScopePointer) -> Status)
    -> Int32
  {
    guard cfiber_loop() == nil, JobPointer.ofThisThread?.pointee.loop == scope.pointee.loop else {
      return Status.wrongThread.rawValue
    }
    let (target, result) = (Unchecked(scope), UrgentResult())
    scope.pointee.loop.pointee.mailbox._withUnsafeGuaranteedRef {
      $0.postUrgent { _ in result.status = body(target.value) }
    }
    // The mailbox delivers in order, so this runs after the work posted above.
    return fromThread(scope) { _ in result.status }.rawValue
  }

  /// Written and read on the loop.
  private final class UrgentResult: @unchecked Sendable {
    var status = Status.noMemory
  }

  /// Whether the calling thread runs a hook of a plugin, or other code that belongs to no job.
  static var isInHook: Bool { JobPointer.ofThisThread?.pointee.isHook ?? true }

  @inline(never)
  private static func fromThread(_ scope: ScopePointer, _ body: (JobPointer) -> Status) -> Status {
    guard cfiber_loop() == nil, let job = JobPointer.ofThisThread, job.pointee.loop == scope.pointee.loop else {
      return .wrongThread
    }
    var status = Status.noMemory
    return job.callOnLoop({ status = body(job) }) ? status : .noMemory
  }
}
