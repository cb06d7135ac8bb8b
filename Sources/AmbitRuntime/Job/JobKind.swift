internal import CFiber

/// What the jobs of one kind have in common on one loop: the function they run, their stacks, and what the loop does
/// for them.
public struct JobKind {
  /// The pool of the stacks of jobs that ask for no other size.
  let stacks: UnsafeMutablePointer<cfiber_stack_pool>
  /// Runs on the fiber; the job has ended when it returns.
  let body: JobBody
  /// Runs on the loop after the job has ended and given its stack back. It may use the record again.
  let finish: JobBody
  /// Called before the fiber is suspended, so that the job can send what it has written before it waits; nil: nothing.
  let beforeSuspension: JobBody?

  /// Jobs that run handlers in place, on stacks of `handler_stack_size`.
  public init(
    handlersOn loop: LoopPointer, body: @escaping JobBody, finish: @escaping JobBody,
    beforeSuspension: @escaping JobBody
  ) {
    stacks = loop.handlerStacks
    self.body = body
    self.finish = finish
    self.beforeSuspension = beforeSuspension
  }

  /// Jobs on stacks of `stack_size`.
  fileprivate init(on loop: LoopPointer, body: @escaping JobBody, finish: @escaping JobBody) {
    stacks = loop.stackPool
    self.body = body
    self.finish = finish
    beforeSuspension = nil
  }
}

/// It lives as long as the loop.
public typealias JobKindPointer = UnsafePointer<JobKind>
/// Called with the job.
public typealias JobBody = @convention(c) (UnsafeMutableRawPointer) -> Void

/// The kinds of jobs that the runtime itself makes.
struct JobKinds {
  /// Jobs that plugins spawn.
  let plugin: JobKind
  let ticker: JobKind
  let host: JobKind
  /// A job whose thread makes a call, for as long as the call runs on the loop.
  let crossThreadCall: JobKind

  init(of loop: LoopPointer) {
    plugin = JobKind(on: loop, body: runPluginJob, finish: finishPluginJob)
    ticker = JobKind(on: loop, body: runPluginJob, finish: finishTick)
    host = JobKind(on: loop, body: runHostWork, finish: finishHostJob)
    crossThreadCall = JobKind(on: loop, body: runCrossThreadCall, finish: crossThreadCallEnded)
  }
}

extension UnsafeMutablePointer<Loop> {
  @inline(__always) var pluginJob: JobKindPointer { JobKindPointer(pointer(to: \.jobKinds.plugin)!) }
  @inline(__always) var ticker: JobKindPointer { JobKindPointer(pointer(to: \.jobKinds.ticker)!) }
  @inline(__always) var hostJob: JobKindPointer { JobKindPointer(pointer(to: \.jobKinds.host)!) }
  @inline(__always) var crossThreadCall: JobKindPointer { JobKindPointer(pointer(to: \.jobKinds.crossThreadCall)!) }
}
