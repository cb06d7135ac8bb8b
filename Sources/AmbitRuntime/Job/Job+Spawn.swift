internal import AmbitCore
public import CAmbit

/// Options of a job, read from `ambit_job_options`.
struct JobOptions {
  /// The plugin's text, which is copied.
  var name = UnsafeBufferPointer<UInt8>(start: nil, count: 0)
  var timeout: Int64 = 0
  /// The least size of the job's stack in bytes, if that is more than `stack_size`; else 0.
  var stackSize = 0
  /// Nanoseconds between the turns of a ticker; nil for a job that runs once.
  var interval: Int64?
  var usesThread = false
  /// `isOnce`; and `isCall` if the job makes a C call. Its argument is the `ForeignCall` then.
  var traits: JobTraits = []
  var onEnd: (@convention(c) (UnsafeMutableRawPointer?, ambit_outcome, Int32) -> Void)?
  /// Why the host cannot do what the options ask for; `.ok` if it can.
  var error = Status.ok
  /// The job came through a reference: it was counted against the limits before, and its hook is the host's.
  var isPosted = false
}

extension UnsafeMutablePointer<Scope> {
  /// Adds a job that starts in its next turn, or a ticker that starts after one interval. `.cancelled` if the scope has
  /// been cancelled, `.limit` if it has too many jobs.
  ///
  /// The argument belongs to the job in any case. A refused job never runs and has no handle, but its hook runs later.
  func spawn(
    _ function: ambit_job_fn?, argument: UnsafeMutableRawPointer?, options: JobOptions, isHeld: Bool
  ) -> (Status, JobPointer?) {
    let status = function == nil ? refusal(of: options) : admission(of: options)
    guard status == .ok else {
      refuse(status, argument, options)
      return (status, nil)
    }
    let job = addJob(function, argument, options)
    if isHeld { job.pointee.traits.insert(.isHeld) }
    if let interval = options.interval { job.startTicking(every: interval) } else { enqueue(job) }
    return (.ok, job)
  }

  /// Gives the argument of a job that was refused back to its hook. Without a hook nothing is left to do.
  // Out of line, so that it is not on the path of other jobs.
  @inline(never)
  private func refuse(_ status: Status, _ argument: UnsafeMutableRawPointer?, _ options: JobOptions) {
    let call = options.traits.contains(.isCall) ? argument?.assumingMemoryBound(to: ForeignCall.self) : nil
    call?.release()
    if let onEnd = options.onEnd {
      pointee.loop.add(
        RefusedJob(
          scope: self, onEnd: onEnd, argument: call == nil ? argument : nil, status: status,
          endsOnThread: traits(of: options).contains(.endsOnThread)))
    }
    guard status == .noMemory else { return }
    pointee.hasFailedJob = true
    if pointee.isFailFast { cancel(.failed) }
  }

  /// A new job of the scope, which `use` has counted.
  @inline(__always)
  private func addJob(
    _ function: ambit_job_fn?, _ argument: UnsafeMutableRawPointer?, _ options: JobOptions
  ) -> JobPointer {
    let loop = pointee.loop
    let job = loop.takeJob()
    job.initialize(to: Job(at: job, loop: loop, scope: self, kind: loop.pluginJob))
    job.pointee.function = function
    job.pointee.argument = argument
    job.pointee.onEnd = options.onEnd
    job.pointee.traits = traits(of: options)
    if !options.name.isEmpty { job.ensureColdState().pointee.name = OwnedText(copying: options.name, for: self) }
    if options.stackSize > 0 { job.ensureColdState().pointee.stackSize = options.stackSize }
    jobsLink.append(job.siblingLink)
    pointee.jobCount &+= 1
    if let request = pointee.requestScope { request.pointee.requestJobCount &+= 1 }
    hold()
    if options.timeout > 0 { job.startTimeout(of: options) }
    return job
  }

  @inline(__always)
  private func enqueue(_ job: JobPointer) {
    if pointee.jobCount <= pointee.mostReadyJobs {
      pointee.loop.enqueue(job)
    } else {
      pointee.loop.enqueueInBacklog(job)
    }
  }

  /// The status of a spawn without a function.
  private func refusal(of options: JobOptions) -> Status {
    options.error == .ok ? .invalid(because: "fn: expected a function, found NULL") : options.error
  }

  /// The traits of a job of this scope before it is admitted.
  @inline(__always)
  private func traits(of options: JobOptions) -> JobTraits {
    var traits = options.traits
    let common = pointee.generation?.pointee.jobTraits ?? []
    guard common.contains(.usesThread) else { return traits.union(options.usesThread ? .usesThread : common) }
    traits.insert(.usesThread)
    if options.onEnd != nil, !options.isPosted { traits.insert(.endsOnThread) }
    return traits
  }

  private func admission(of options: JobOptions) -> Status {
    guard options.error == .ok else { return options.error }
    guard pointee.isOpen else { return .cancelled }
    if options.isPosted {
      pointee.use.jobs.add()
      return .ok
    }
    guard hasRoom else { return .limit }
    return pointee.use.jobs.take() ? .ok : pointee.use.jobs.limit.statusNoted()
  }

  /// Neither the scope nor its request has reached its limit of jobs.
  private var hasRoom: Bool {
    guard pointee.jobCount < pointee.maxJobs else { return false }
    guard let request = pointee.requestScope else { return true }
    return request.pointee.requestJobCount < pointee.loop.pointee.limits.jobsPerRequest
  }
}

/// The body of a plugin's job.
let runPluginJob: JobBody = { record in
  let job = record.assumingMemoryBound(to: Job.self)
  if job.pointee.traits.contains(.takesThreadState) { SwiftThreadState.clear() }
  let code = job.pointee.function!(job.pointee.scope.asHandle, job.pointee.argument)
  ForkedChild.endIfReturned(from: job, in: job.pointee.scope)
  job.noteResult(code)
}

// Jobs of the host itself, for calls of plugins that may wait.

extension UnsafeMutablePointer<Scope> {
  /// Makes a lifecycle call of the plugin as a job in its scope, which the log calls `name`, in any state of the scope.
  /// Then calls `completion` with what the function returned.
  ///
  /// The function has a thread of its own. So it blocks no loop, and it does not wait behind jobs that need a thread.
  /// Its waits fail after `timeout` nanoseconds; negative: never. If it has not returned `cancelGrace` later, or that
  /// long after its begin if it has no timeout, the watchdog reports it. `prepare` runs before it, on the loop. On the
  /// scope's loop.
  public func callPlugin(
    _ name: StaticString, timeout: Int64 = -1, preparing prepare: @escaping @Sendable (ScopePointer) -> Void = { _ in },
    _ function: @escaping @Sendable (UnsafeMutablePointer<ambit_scope>) -> Int32,
    then completion: @escaping @Sendable (ScopePointer, Int32) -> Void
  ) {
    runHostJob(name) { scope in
      prepare(scope)
      let job = scope.pointee.loop.pointee.current!
      let call = LifecycleCall("\(name)", in: scope, timeout: timeout)
      do throws(PoolError) {
        completion(scope, try job.runOnThread(.call(call), in: scope, timeout: timeout, function))
      } catch {
        job.noteFailure("the call did not run: \(error)")
        completion(scope, Status.limit.rawValue)
      }
    }
  }

  /// Runs `work` as a job in the scope, which the log calls `name`, in the loop's next turn and in any state of the
  /// scope. The scope does not close before `work` has returned. On the scope's loop.
  public func runHostJob(_ name: StaticString, _ work: @escaping @Sendable (ScopePointer) -> Void) {
    let loop = pointee.loop
    let job = loop.takeJob()
    job.initialize(to: Job(at: job, loop: loop, scope: self, kind: loop.hostJob))
    job.pointee.argument = Unmanaged.passRetained(HostWork(work)).toOpaque()
    job.pointee.traits = .startsAlways
    let text = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
    job.ensureColdState().pointee.name = OwnedText(lasting: text)
    hold()
    loop.enqueue(job)
  }
}

extension LifecycleCall {
  /// A call in the plugin's scope whose waits fail after `timeout` nanoseconds; negative: never. A dry run has a time
  /// limit of its own.
  fileprivate init(_ name: String, in scope: ScopePointer, timeout: Int64) {
    let generation = scope.pointee.generation
    let (limit, overflow) = max(timeout, 0).addingReportingOverflow(scope.pointee.loop.pointee.limits.cancelGrace)
    self.init(
      name: name, plugin: generation?.pointee.label ?? "", origin: generation?.pointee.imageAddress ?? 0,
      limit: overflow || generation?.pointee.isDryRun == true ? .max : limit)
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
