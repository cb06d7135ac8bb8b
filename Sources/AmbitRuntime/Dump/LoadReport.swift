internal import CFiber

/// The numbers of a loop at one moment: a copy, which other threads may read.
public struct LoopReport: Codable, Sendable {
  /// The loop's index.
  public let loop: Int
  /// Requests whose scopes are not closed.
  public let requests: Int
  /// Scopes that are not closed, including those of the host and of plugins.
  public let scopes: Int
  /// Jobs of which the loop has a record: jobs that have not ended, including the host's own, and ended jobs of open
  /// scopes whose handles a plugin has.
  public let jobs: Int
  /// Stacks in use.
  public let stacks: Int
  /// Timers that are armed.
  public let timers: Int
  /// Jobs that have not returned within `cancel_grace` of their cancel.
  public let stuckJobs: Int

  /// Reads the numbers of a loop, on the loop.
  public init(of loop: LoopPointer) {
    self.loop = loop.pointee.index
    requests = loop.pointee.liveRequests
    scopes = loop.pointee.liveScopes
    jobs = loop.pointee.freeJobs.liveCount
    stacks =
      cfiber_stack_pool_live(loop.stackPool) + cfiber_stack_pool_live(loop.handlerStacks)
      + loop.pointee.largeStacks.liveCount
    timers = loop.pointee.wheel.count
    stuckJobs = loop.pointee.stuckJobs
  }
}

/// What of a plugin's generation is in flight on one loop.
public struct GenerationLoad: Sendable, Equatable {
  /// Requests whose scopes are not closed.
  public private(set) var requests = 0
  /// Jobs of the plugin's scope and of all scopes below that have not ended, without handlers.
  public private(set) var jobs = 0
  /// What keeps the generation alive, a few words each, up to a limit: requests, and jobs of the plugin's own scope.
  public private(set) var holders: [String] = []

  /// Nothing.
  public init() {}

  /// Counts in the plugin's scope and all scopes below it, and names at most `limit` holders. On the scope's loop.
  init(of shard: ScopePointer, limit: Int = 16) {
    requests = shard.pointee.requestCount
    jobs = shard.pointee.use.jobs.used
    if let call = shard.pointee.handlerJob { holders.append("\(String(bytes: call.pointee.name)) of the plugin") }
    shard.jobsLink.forEach { link in
      guard holders.count < limit else { return }
      let name = String(bytes: JobPointer.of(sibling: link).pointee.name)
      holders.append(name.isEmpty ? "job of the plugin" : "job \(name) of the plugin")
    }
    shard.childrenLink.forEach { link in
      let scope = ScopePointer.of(sibling: link)
      guard holders.count < limit, scope.pointee.kind == .request else { return }
      holders.append("request \(RequestID(ofRequest: scope)) (\(String(bytes: scope.pointee.label)))")
    }
  }

  public static func + (one: GenerationLoad, other: GenerationLoad) -> GenerationLoad {
    var sum = one
    sum.requests += other.requests
    sum.jobs += other.jobs
    sum.holders += other.holders
    return sum
  }
}

extension UnsafeMutablePointer<Generation> {
  /// How many requests of the generation have begun on `loop`, modulo 2^32. On that loop.
  public func begunRequests(on loop: LoopPointer) -> Int {
    Int(pointee.shards[loop.pointee.index].pointee.requestJobCount)
  }

  /// The requests and jobs of the generation on `loop`. On that loop.
  public func load(on loop: LoopPointer) -> GenerationLoad {
    GenerationLoad(of: pointee.shards[loop.pointee.index])
  }
}
