internal import CFiber

/// What a loop had to do at one moment, in numbers: copies, for other threads to read.
public struct LoopReport: Sendable {
  /// The loop's index.
  public let loop: Int
  /// Requests whose scope is not closed.
  public let requests: Int
  /// Scopes that are not closed, the host's own and those of plugins among them.
  public let scopes: Int
  /// Jobs of which the loop has a record: those that have not ended, the host's own among them, and those of open scopes
  /// whose handle a plugin has.
  public let jobs: Int
  /// Stacks on which something runs or waits.
  public let stacks: Int
  /// Timers that are to fire.
  public let timers: Int
  /// Jobs that have not returned within `cancel_grace` of their cancel.
  public let stuckJobs: Int

  /// Looks at a loop, on the loop.
  public init(of loop: LoopPointer) {
    self.loop = loop.pointee.index
    requests = loop.pointee.liveRequests
    scopes = loop.pointee.liveScopes
    jobs = loop.pointee.freeJobs.liveCount
    stacks = cfiber_stack_pool_live(loop.stackPool) + cfiber_stack_pool_live(loop.handlerStacks)
      + loop.pointee.largeStacks.liveCount
    timers = loop.pointee.wheel.count
    stuckJobs = loop.pointee.stuckJobs
  }
}
