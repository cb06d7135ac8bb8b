internal import CFiber

// Which job makes a call, and what it runs.

extension UnsafeMutablePointer<Scope> {
  /// The job that runs on the scope's loop; nil on another thread, or while no job runs. Public, and a function of its
  /// own, so that callers in other modules have the rest of `HostCall.asJob` in place.
  @inline(__always)
  public var runningJob: JobPointer? { isOnThisThread ? pointee.loop.pointee.current : nil }

  /// Whether this is the thread of the scope's loop.
  // Compares numbers: a comparison of optional pointers takes twice as long.
  @inline(__always)
  var isOnThisThread: Bool { UInt(bitPattern: cfiber_loop()) == UInt(bitPattern: pointee.loop) }
}

extension UnsafeMutablePointer<Job> {
  /// The job on whose behalf the calling thread runs: the running job of a loop, or the job that a pool thread works
  /// for. Nil if there is none. From any thread.
  public static var ofThisThread: JobPointer? {
    if let loop = LoopPointer.ofThisThread { return loop.pointee.current }
    return cfiber_work()?.assumingMemoryBound(to: Job.self)
  }

  /// Whether it runs the handler of the request whose scope this is; a plugin's `start`, `stop` or `save` is a job.
  func isHandler(of scope: ScopePointer) -> Bool {
    scope.pointee.handlerJob == self && scope.pointee.kind == .request
  }

  /// The job has run the handler of `scope`, whose shield and delays end with it; `handlerIsDone` follows.
  @inline(__always)
  public func handlerReturned(in scope: ScopePointer) {
    scope.pointee.hasHandlerReturned = true
    noteReturn(in: scope)
    pointee.cancellation = CancellationState()
  }

  /// What the handler has returned has been told: nothing is left of it in the job.
  @inline(__always)
  public func handlerIsDone() { releaseColdState() }
}
