internal import AmbitCore
public import CAmbit

// Jobs that plugins spawn: from the call that makes one to the hook that tells how it ended.

/// What a plugin asked of a job, read from `ambit_job_options`.
struct JobOptions {
  /// The plugin's, which is copied.
  var name = UnsafeBufferPointer<UInt8>(start: nil, count: 0)
  var timeout: Int64 = 0
  /// Bytes that its stack is to have at least, if that is more than `stack_size`; else 0.
  var stackSize = 0
  /// Nanoseconds between the turns of a ticker; nil for a job that runs once.
  var interval: Int64?
  var usesThread = false
  /// The job makes a C call, which is its argument.
  var isCall = false
  var onEnd: (@convention(c) (UnsafeMutableRawPointer?, ambit_outcome, Int32) -> Void)?
  /// Why this host cannot do what is asked; `.ok` if it can.
  var refusal = Status.ok
  /// It came through a reference: it was counted against the limits before, and its hook is the host's.
  var isPosted = false
}

extension UnsafeMutablePointer<Scope> {
  /// Adds a job that starts in its next turn, or a ticker that does after one interval; `.cancelled` if the scope is
  /// ending, `.limit` if it has too many.
  ///
  /// Refused or not, the argument is the job's from now on: a refused job never runs, and its hook does, later. It has
  /// no handle.
  func spawn(
    _ function: ambit_job_fn?, argument: UnsafeMutableRawPointer?, options: JobOptions, isHeld: Bool
  ) -> (Status, JobPointer?) {
    let loop = pointee.loop
    let status = function == nil ? .invalid : admission(of: options)
    let job = loop.takeJob()
    job.initialize(to: Job(at: job, loop: loop, scope: self, kind: loop.pluginJob))
    job.pointee.function = function
    job.pointee.argument = argument
    job.pointee.onEnd = options.onEnd
    job.pointee.traits = traits(of: options)
    if isHeld, status == .ok { job.pointee.traits.insert(.isHeld) }
    if !options.name.isEmpty { job.attach().pointee.name = JobText(copying: options.name, for: self) }
    if options.stackSize > 0 { job.attach().pointee.stackSize = options.stackSize }
    if status != .ok { job.pointee.cancelCause = .called }
    job.pointee.code = status.rawValue
    jobsLink.append(job.siblingLink)
    pointee.jobCount += 1
    if let request = pointee.requestScope { request.pointee.requestJobCount += 1 }
    hold()
    if options.timeout > 0 { job.armTimeout(after: options.timeout) }
    if status == .ok, let interval = options.interval {
      job.startTicking(every: interval)
    } else {
      loop.enqueue(job)
    }
    return (status, status == .ok ? job : nil)
  }

  /// What is known of a job of this scope before it is admitted.
  @inline(__always)
  private func traits(of options: JobOptions) -> JobTraits {
    var traits: JobTraits = options.isCall ? .isCall : []
    guard runsOnThreads else { return options.usesThread ? traits.union(.usesThread) : traits }
    traits.insert(.usesThread)
    if options.onEnd != nil, !options.isPosted { traits.insert(.endsOnThread) }
    return traits
  }

  private func admission(of options: JobOptions) -> Status {
    guard options.refusal == .ok else { return options.refusal }
    guard pointee.isOpen else { return .cancelled }
    return options.isPosted || hasRoom ? .ok : .limit
  }

  /// Whether neither the scope nor the request it is in has as many jobs as it may have.
  private var hasRoom: Bool {
    guard pointee.jobCount < pointee.maxJobs else { return false }
    guard let request = pointee.requestScope else { return true }
    return request.pointee.requestJobCount < pointee.loop.pointee.limits.jobsPerRequest
  }
}

/// The body of a plugin's job.
let runPluginJob: JobBody = { record in
  let job = record.assumingMemoryBound(to: Job.self)
  let code = job.pointee.function!(job.pointee.scope.asHandle, job.pointee.argument)
  ForkedChild.endIfReturned(from: job, in: job.pointee.scope)
  job.noteResult(code)
}

// Jobs of the host itself, for calls into plugins that may wait.

extension UnsafeMutablePointer<Scope> {
  /// Calls a function of the plugin as a job in its scope, called `name` in the log, whatever the scope's state, then
  /// `completion` with what it returned. It has a thread of its own, so that no loop stands still if it blocks, and no
  /// job that waits for a thread keeps it waiting. Its waits fail after `timeout` nanoseconds, negative for never;
  /// `prepare` runs before it, on the loop. On the scope's loop.
  public func callPlugin(
    _ name: StaticString, timeout: Int64 = -1, preparing prepare: @escaping @Sendable (ScopePointer) -> Void = { _ in },
    _ function: @escaping @Sendable (UnsafeMutablePointer<ambit_scope>) -> Int32,
    then completion: @escaping @Sendable (ScopePointer, Int32) -> Void
  ) {
    runHostJob(name) { scope in
      prepare(scope)
      let job = scope.pointee.loop.pointee.current!
      completion(scope, job.runOnThread(.call, in: scope, timeout: timeout, function))
    }
  }

  /// Runs `work` as a job in the scope, called `name` in the log, in the loop's next turn, whatever the scope's state; it
  /// keeps the scope from closing until it has returned. On the scope's loop.
  public func runHostJob(_ name: StaticString, _ work: @escaping @Sendable (ScopePointer) -> Void) {
    let loop = pointee.loop
    let job = loop.takeJob()
    job.initialize(to: Job(at: job, loop: loop, scope: self, kind: loop.hostJob))
    job.pointee.argument = Unmanaged.passRetained(HostWork(work)).toOpaque()
    job.pointee.traits = .startsAlways
    let text = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
    job.attach().pointee.name = JobText(lasting: text)
    hold()
    loop.enqueue(job)
  }
}

private final class HostWork {
  let run: @Sendable (ScopePointer) -> Void
  init(_ run: @escaping @Sendable (ScopePointer) -> Void) { self.run = run }
}

let runHostWork: JobBody = { record in
  let job = record.assumingMemoryBound(to: Job.self)
  Unmanaged<HostWork>.fromOpaque(job.pointee.argument!).takeRetainedValue().run(job.pointee.scope)
}

let finishHostJob: JobBody = { record in
  let job = record.assumingMemoryBound(to: Job.self)
  let scope = job.pointee.scope
  job.pointee.loop.recycle(job)
  scope.release()
}
