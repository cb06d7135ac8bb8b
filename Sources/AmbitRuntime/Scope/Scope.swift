package import CAmbit
package import AmbitCore

/// A bound within which jobs run: the host's, a plugin generation's, a request's, or a child of one of these.
///
/// Every scope but the host's has a parent and ends with it. Its loop alone touches it.
package struct Scope {
  /// What the plugin holds a pointer to: at offset 0, as the C declaration says.
  package var handle: ambit_scope
  package let loop: LoopPointer
  package let parent: ScopePointer?
  /// In `parent.children`, until it is closed.
  var sibling: Link
  var children: Link
  /// Jobs that have not ended.
  var jobs: Link
  /// Jobs that have ended and whose handle the plugin holds.
  var endedJobs: Link
  /// Suspended jobs whose wait this scope's end cancels.
  var waiters: Link
  /// Jobs that wait for all jobs of this scope.
  var joiners: Link
  /// In the ready queue while the end with `done` waits for its turn.
  var ready: ReadyItem
  var timer: Timer
  /// Absolute, monotonic nanoseconds; `Int64.max`: none. Never later than the parent's.
  package var deadline: Int64

  package let id: UInt64
  package let kind: Kind
  package var state: ScopeState
  package var cause: Cause
  /// One of its jobs has failed.
  var hasFailedJob: Bool
  let depth: UInt32
  /// Jobs that have not ended.
  package var jobCount: UInt32
  /// Open requests of a plugin's scope.
  package var requestCount: UInt32
  /// A plugin's scope that takes no more requests: it ends with `retired` after its last one.
  var isRetiring: Bool
  /// What was deferred runs, or has run.
  var isClosing: Bool
  /// Jobs, child scopes and the host's own holds: it closes once it is ending and none is left.
  var holds: UInt32

  /// The plugin generation at work; nil in the host's scope only.
  package var generation: GenerationPointer?
  /// The protocol's record of the request, inherited by children; nil outside a request.
  package var request: UnsafeMutableRawPointer?
  /// The pattern of the request's route, inherited by children; empty outside a request. Lives as long as the process.
  package var route: UnsafeBufferPointer<UInt8>
  package var observer: ScopeObserver?

  package var memory: Arena
  var deferred: UnsafeMutablePointer<DeferredCall>?
  /// What the plugin gave `ambit_fail`, in `memory`; empty if nothing.
  package var failure: UnsafeBufferPointer<UInt8>

  package enum Kind {
    case host
    case plugin
    case request
    case child
  }
}

package typealias ScopePointer = UnsafeMutablePointer<Scope>

/// What the owner of a scope wants to know of it. Both run on the loop, and neither may wait.
package struct ScopeObserver {
  /// The cause has just been latched, and nothing has been told of it yet.
  package var cancelling: @convention(c) (UnsafeMutableRawPointer) -> Void
  /// It is closed, and its record is the observer's to release or use again; a plugin's scope is ready to be closed,
  /// and stays until `close` is called on it.
  package var closed: @convention(c) (UnsafeMutableRawPointer) -> Void

  package init(
    cancelling: @escaping @convention(c) (UnsafeMutableRawPointer) -> Void,
    closed: @escaping @convention(c) (UnsafeMutableRawPointer) -> Void
  ) {
    self.cancelling = cancelling
    self.closed = closed
  }
}

/// A function to call when its scope closes, in the scope's memory.
struct DeferredCall {
  let function: @convention(c) (UnsafeMutableRawPointer?) -> Void
  let argument: UnsafeMutableRawPointer?
  let earlier: UnsafeMutablePointer<DeferredCall>?
}

extension UnsafeMutablePointer<Scope> {
  @inline(__always) var siblingLink: LinkPointer { pointer(to: \.sibling)! }
  @inline(__always) var childrenLink: LinkPointer { pointer(to: \.children)! }
  @inline(__always) var jobsLink: LinkPointer { pointer(to: \.jobs)! }
  @inline(__always) var endedJobsLink: LinkPointer { pointer(to: \.endedJobs)! }
  @inline(__always) var waitersLink: LinkPointer { pointer(to: \.waiters)! }
  @inline(__always) var joinersLink: LinkPointer { pointer(to: \.joiners)! }
  @inline(__always) var readyLink: LinkPointer { pointer(to: \.ready.link)! }
  @inline(__always) var timer: TimerPointer { pointer(to: \.timer)! }

  /// The pointer that plugins hold.
  @inline(__always)
  package var asHandle: UnsafeMutablePointer<ambit_scope> {
    UnsafeMutableRawPointer(self).assumingMemoryBound(to: ambit_scope.self)
  }

  /// The scope behind the pointer a plugin passed.
  @inline(__always)
  package static func of(_ handle: UnsafeMutablePointer<ambit_scope>) -> ScopePointer {
    UnsafeMutableRawPointer(handle).assumingMemoryBound(to: Scope.self)
  }

  /// Opens a scope below `parent`, on the parent's loop, in memory that the caller owns until `observer.closed`.
  ///
  /// It starts with one hold, the caller's. If the parent is ending already, so is the new scope, for the same cause.
  package func open(below parent: ScopePointer, kind: Scope.Kind, observer: ScopeObserver?) {
    let loop = parent.pointee.loop
    initializeRecord(loop: loop, parent: parent, kind: kind, observer: observer)
    parent.childrenLink.append(siblingLink)
    parent.pointee.holds += 1
    if kind == .request {
      parent.pointee.requestCount += 1
      loop.pointee.liveRequests &+= 1
    }
    if parent.pointee.state != .open {
      pointee.state = .cancelling
      pointee.cause = parent.pointee.cause
    }
  }

  @inline(__always)
  func initializeRecord(loop: LoopPointer, parent: ScopePointer?, kind: Scope.Kind, observer: ScopeObserver?) {
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
        joiners: Link(alone: joinersLink),
        ready: ReadyItem(link: Link(alone: readyLink), kind: .scopeEnd),
        timer: Timer(at: timer, owner: self, fire: scopeDeadlinePassed),
        deadline: parent?.pointee.deadline ?? .max,
        id: loop.pointee.lastScopeID, kind: kind, state: .open, cause: .none, hasFailedJob: false,
        depth: parent.map { $0.pointee.depth + 1 } ?? 0, jobCount: 0, requestCount: 0, isRetiring: false,
        isClosing: false, holds: 1,
        generation: parent?.pointee.generation, request: parent?.pointee.request,
        route: parent?.pointee.route ?? UnsafeBufferPointer(start: nil, count: 0), observer: observer,
        memory: Arena(), deferred: nil, failure: UnsafeBufferPointer(start: nil, count: 0)))
  }

  /// Moves the deadline to `time` (monotonic, nanoseconds) if that is earlier than what holds now.
  package func moveDeadline(to time: Int64) {
    guard time < pointee.deadline else { return }
    pointee.deadline = time
    if pointee.state == .open { pointee.loop.arm(timer, at: time) }
  }

  /// Sees to it that the deadline fires. A scope in which nothing waits has none to fire: its handler holds the
  /// thread, so most requests never touch the timer wheel.
  @inline(__always)
  package func armDeadline() {
    guard pointee.deadline != .max, !timer.isArmed, pointee.state == .open else { return }
    if let parent = pointee.parent, parent.pointee.deadline == pointee.deadline {
      parent.armDeadline()
    } else {
      pointee.loop.arm(timer, at: pointee.deadline)
    }
  }

  /// The scope whose field `sibling` the node is.
  @inline(__always)
  static func of(sibling link: LinkPointer) -> ScopePointer {
    link.record(Scope.self, at: MemoryLayout<Scope>.offset(of: \.sibling)!)
  }
}

/// A scope's deadline has passed.
let scopeDeadlinePassed: @convention(c) (UnsafeMutableRawPointer) -> Void = { owner in
  owner.assumingMemoryBound(to: Scope.self).cancel(.deadline)
}
