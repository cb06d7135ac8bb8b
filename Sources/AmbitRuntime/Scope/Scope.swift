public import AmbitCore
public import CAmbit

/// A bound within which jobs run: the scope of the host, of a plugin generation, of a request, or a child of such a
/// scope.
///
/// Every scope but the host's has a parent and ends with it. Only its loop touches it.
public struct Scope {
  /// The handle that plugins hold a pointer to. It lies at offset 0, as the C declaration says.
  public var handle: ambit_scope
  public let loop: LoopPointer
  public let parent: ScopePointer?
  /// In `parent.children` until the scope is closed.
  var sibling: Link
  var children: Link
  /// Jobs that have not ended.
  var jobs: Link
  /// Jobs that have ended and whose handles the plugin holds.
  var endedJobs: Link
  /// Suspended jobs whose waits the end of this scope cancels.
  var waiters: Link
  /// In the list of the cancel that gave the scope its cause, while that is under way; then in its loop's list of
  /// ending scopes, if it has jobs that are to return.
  var ending: Link
  /// Jobs that wait for all jobs of this scope.
  var joiners: Link
  var timer: Timer
  /// The scope's own deadline in monotonic nanoseconds; `Int64.max`: none. The deadlines of the scopes above hold too.
  public var deadline: Int64

  public let id: UInt64
  /// What the threads that work in it show the supervisor.
  public var mark = WorkMark.none
  public let kind: Kind
  var life: ScopeLifeCycle
  /// A job of the scope has failed.
  var hasFailedJob: Bool
  let depth: UInt32
  /// Jobs that have not ended.
  public var jobCount: UInt32
  /// With more jobs, a new job goes to the loop's backlog. 0 as long as earlier jobs are there.
  var mostReadyJobs = Loop.largeScope
  /// How many of its new jobs are in the loop's backlog.
  var backlogCount: UInt32 = 0
  /// The first job that fails cancels the scope.
  var isFailFast = false
  /// The largest number of jobs that may be alive at once.
  var maxJobs = UInt32.max
  /// The job that closes the scope and waits until it is closed.
  var closer: JobPointer?
  /// The name that a plugin gave the scope, copied to the scope's memory; empty if there is none.
  public var name = UnsafeBufferPointer<UInt8>(start: nil, count: 0)

  /// The scope of the request that this scope belongs to; nil outside a request. It counts the jobs of the whole
  /// request.
  var requestScope: ScopePointer?
  /// In a request's scope: jobs of it and of the scopes below that have not ended. In the scope of a generation:
  /// requests that have begun, modulo 2^32.
  var requestJobCount: UInt32 = 0
  /// In a request's scope: open scopes, from it downwards, that have references. Jobs may come through a reference.
  var referenceCount: UInt32 = 0
  /// In a request's scope: the job that waits until both counts are 0.
  var idleWaiter: JobPointer?
  /// The job that runs the handler of a request, until the carrier of the request is done with the job; or the job that
  /// runs a lifecycle call of the plugin on a thread. It is not in `jobs`.
  public var handlerJob: JobPointer?
  /// The handler has returned.
  var hasHandlerReturned = false
  /// When the scope got its cause: monotonic nanoseconds, as of that turn of the loop; void before.
  var endingSince: Int64 = 0
  /// When the scope was opened: monotonic nanoseconds, as of that turn of the loop.
  let openedAt: Int64

  /// The plugin generation that works in the scope; nil only in the host's scope.
  public var generation: GenerationPointer?
  /// What the generation uses on this loop. The host's scope has counts of its own, without limits.
  public var use: LoopUse
  /// The record of whoever opened the request's scope, inherited by children; nil outside a request.
  public var context: UnsafeMutableRawPointer?
  /// What the log says the scope serves (`LogField.label`), inherited by children; empty outside a request. The text
  /// lives as long as the generation.
  public var label: UnsafeBufferPointer<UInt8>
  public var observer: ScopeObserver?

  public var memory: Arena
  /// State that few scopes have, in `memory`; nil if this scope has none of it.
  var coldState: UnsafeMutablePointer<ScopeColdState>?
  var deferred: UnsafeMutablePointer<DeferredCall>?

  public enum Kind: Codable, Sendable {
    case host
    case plugin
    case request
    case child
  }
}

extension Scope {
  /// It takes jobs, and its waits wait.
  @inline(__always) public var isOpen: Bool { life.isOpen }
  public var state: ScopeState { life.state }
  /// In the scope of a generation: requests whose scopes have not closed.
  @inline(__always) var requestCount: Int { use.requests.used }
  /// Why it ends; `none` while it is open.
  @inline(__always) public var cause: Cause { life.cause }
}

public typealias ScopePointer = UnsafeMutablePointer<Scope>

/// Functions that tell the owner of a scope's record about the scope. They run on the loop and must not wait.
public struct ScopeObserver: Sendable {
  /// The scope has just got its cause, and nothing has been told of it yet.
  public var cancelling: @convention(c) (UnsafeMutableRawPointer) -> Void
  /// The scope is closed, and the observer may release its record or use it again. The scope of a generation can be
  /// closed now, and stays until `close` is called on it.
  public var closed: @convention(c) (UnsafeMutableRawPointer) -> Void

  public init(
    cancelling: @escaping @convention(c) (UnsafeMutableRawPointer) -> Void,
    closed: @escaping @convention(c) (UnsafeMutableRawPointer) -> Void
  ) {
    self.cancelling = cancelling
    self.closed = closed
  }
}

/// A function to call when its scope closes, in the scope's memory.
struct DeferredCall {
  let function: HookFunction
  let argument: UnsafeMutableRawPointer?
  let earlier: UnsafeMutablePointer<DeferredCall>?
}

extension UnsafeMutablePointer<Scope> {
  @inline(__always) var siblingLink: LinkPointer { pointer(to: \.sibling)! }
  @inline(__always) var childrenLink: LinkPointer { pointer(to: \.children)! }
  @inline(__always) var jobsLink: LinkPointer { pointer(to: \.jobs)! }
  @inline(__always) var endedJobsLink: LinkPointer { pointer(to: \.endedJobs)! }
  @inline(__always) var waitersLink: LinkPointer { pointer(to: \.waiters)! }
  @inline(__always) var endingLink: LinkPointer { pointer(to: \.ending)! }
  @inline(__always) var joinersLink: LinkPointer { pointer(to: \.joiners)! }
  @inline(__always) var timer: TimerPointer { pointer(to: \.timer)! }

  /// The pointer that plugins hold.
  @inline(__always)
  public var asHandle: UnsafeMutablePointer<ambit_scope> {
    UnsafeMutableRawPointer(self).assumingMemoryBound(to: ambit_scope.self)
  }

  /// The scope behind the pointer a plugin passed.
  @inline(__always)
  public static func of(_ handle: UnsafeMutablePointer<ambit_scope>) -> ScopePointer {
    UnsafeMutableRawPointer(handle).assumingMemoryBound(to: Scope.self)
  }

  /// The scope whose field `sibling` the node is.
  @inline(__always)
  static func of(sibling link: LinkPointer) -> ScopePointer {
    link.record(Scope.self, at: MemoryLayout<Scope>.offset(of: \.sibling)!)
  }

  /// The scope whose field `timer` lies at that address.
  @inline(__always)
  static func of(timer: UnsafeMutableRawPointer) -> ScopePointer {
    timer.assumingMemoryBound(to: Timer.self).record(Scope.self, at: MemoryLayout<Scope>.offset(of: \.timer)!)
  }

  /// The scope whose field `ending` the node is.
  @inline(__always)
  static func of(ending link: LinkPointer) -> ScopePointer {
    link.record(Scope.self, at: MemoryLayout<Scope>.offset(of: \.ending)!)
  }
}

extension UnsafeMutablePointer<Scope> {
  /// The name of the plugin that works in the scope; empty in the host's scope.
  public var pluginName: String { pointee.generation?.pointee.use.plugin ?? "" }

  /// Makes the scope, which was just opened, that of a generation on this loop.
  public func join(_ generation: GenerationPointer) {
    pointee.generation = generation
    pointee.mark = generation.pointee.mark.of(pointee.id)
    pointee.use = generation.pointee.use.use(onLoop: pointee.loop.pointee.index)
  }

  /// Opens a scope below `parent`, on the parent's loop, in memory that the caller owns until `observer.closed`.
  ///
  /// The scope starts with one hold, the caller's or its owner's. If the parent has been cancelled, the new scope is
  /// cancelled too, for the same cause.
  ///
  /// The caller has counted a request before it opens its scope: `use.requests.take` of the parent.
  public func open(
    below parent: ScopePointer, kind: Scope.Kind, owner: ScopeLifeCycle.Owner = .none, observer: ScopeObserver?
  ) {
    let owner = kind == .plugin ? .generation : owner
    let loop = parent.pointee.loop
    initializeRecord(loop: loop, parent: parent, kind: kind, owner: owner, observer: observer)
    parent.childrenLink.append(siblingLink)
    parent.hold()
    if kind == .request {
      parent.pointee.requestJobCount &+= 1
      loop.pointee.liveRequests &+= 1
    }
    if !parent.pointee.isOpen {
      _ = pointee.life.cancel(parent.pointee.cause)
      pointee.endingSince = loop.pointee.now
    }
  }

  @inline(__always)
  func initializeRecord(
    loop: LoopPointer, parent: ScopePointer?, kind: Scope.Kind, owner: ScopeLifeCycle.Owner = .none,
    observer: ScopeObserver?
  ) {
    loop.pointee.lastScopeID &+= loop.pointee.scopeIDStride
    loop.pointee.liveScopes &+= 1
    initialize(
      to: Scope(
        handle: ambit_scope(api: loop.pointee.api), loop: loop, parent: parent,
        sibling: Link(alone: siblingLink),
        children: Link(alone: childrenLink),
        jobs: Link(alone: jobsLink),
        endedJobs: Link(alone: endedJobsLink),
        waiters: Link(alone: waitersLink),
        ending: Link(alone: endingLink),
        joiners: Link(alone: joinersLink),
        timer: Timer(at: timer, fire: scopeDeadlinePassed),
        deadline: .max,
        id: loop.pointee.lastScopeID, kind: kind, life: ScopeLifeCycle(owner: owner), hasFailedJob: false,
        depth: parent.map { $0.pointee.depth + 1 } ?? 0, jobCount: 0,
        requestScope: kind == .request ? self : parent?.pointee.requestScope, openedAt: loop.pointee.now,
        generation: parent?.pointee.generation, use: parent?.pointee.use ?? loop.pointee.hostUse.use(onLoop: 0),
        context: parent?.pointee.context,
        label: parent?.pointee.label ?? UnsafeBufferPointer(start: nil, count: 0), observer: observer,
        memory: Arena(), deferred: nil))
  }
}
