/// What the jobs of one kind have in common: what they run, and what the loop does besides.
public struct JobKind {
  /// Runs on the fiber; the job has ended when it returns.
  let body: JobBody
  /// Runs on the loop once the job has ended and its stack is free; the record is its to use again.
  let finish: JobBody
  /// Called before the fiber is suspended: what the job has written goes out before it waits; nil: nothing.
  let beforeSuspension: JobBody?

  public init(body: @escaping JobBody, finish: @escaping JobBody, beforeSuspension: JobBody? = nil) {
    self.body = body
    self.finish = finish
    self.beforeSuspension = beforeSuspension
  }
}

/// It lives as long as the loop.
public typealias JobKindPointer = UnsafePointer<JobKind>
/// Called with the job.
public typealias JobBody = @convention(c) (UnsafeMutableRawPointer) -> Void

/// The kinds of jobs that the runtime itself makes.
struct JobKinds {
  /// What plugins spawn.
  let plugin = JobKind(body: runPluginJob, finish: finishPluginJob)
  let ticker = JobKind(body: runPluginJob, finish: finishTick)
  let host = JobKind(body: runHostWork, finish: finishHostJob)
  /// For as long as it makes a call from its thread.
  let visit = JobKind(body: runVisit, finish: visitEnded)
}

extension UnsafeMutablePointer<Loop> {
  @inline(__always) var pluginJob: JobKindPointer { JobKindPointer(pointer(to: \.jobKinds.plugin)!) }
  @inline(__always) var ticker: JobKindPointer { JobKindPointer(pointer(to: \.jobKinds.ticker)!) }
  @inline(__always) var hostJob: JobKindPointer { JobKindPointer(pointer(to: \.jobKinds.host)!) }
  @inline(__always) var visit: JobKindPointer { JobKindPointer(pointer(to: \.jobKinds.visit)!) }
}
