internal import AmbitCore
public import CAmbit

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
