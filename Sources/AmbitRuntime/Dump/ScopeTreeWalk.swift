internal import AmbitCore
internal import CFiber

/// Makes the copy of a loop's scopes and jobs, on the loop, which does nothing else meanwhile.
struct ScopeTreeWalk {
  private(set) var tree: ScopeTree
  /// Entries at most: what a loop has besides is counted and not looked at, so that the walk takes milliseconds.
  private let limit: Int
  private let now: Int64
  private var scopeCount = 0

  /// Looks at everything on `loop`, from the root's scope down, up to `limit` scopes and jobs.
  static func tree(of loop: LoopPointer, limit: Int = 1000) -> ScopeTree {
    var walk = ScopeTreeWalk(tree: ScopeTree(loop: loop.pointee.index), limit: limit, now: loop.pointee.now)
    walk.visit(loop.pointee.root, depth: 0)
    walk.tree.stuckJobs = loop.pointee.stuckJobs
    walk.tree.scopesLeftOut = loop.pointee.liveScopes - walk.scopeCount
    return walk.tree
  }

  private var hasPlace: Bool { tree.entries.count < limit }

  private mutating func visit(_ scope: ScopePointer, depth: Int) {
    scopeCount += 1
    let name = ScopeName(scope)
    add(.scope(ScopeReport(scope, now: now)), of: name, depth: depth)
    addJobs(of: scope, name, depth: depth + 1)
    var link = scope.childrenLink.pointee.next
    while link != scope.childrenLink, hasPlace {
      visit(.of(sibling: link), depth: depth + 1)
      link = link.pointee.next
    }
  }

  private mutating func addJobs(of scope: ScopePointer, _ name: ScopeName, depth: Int) {
    if let handler = scope.pointee.handlerJob, hasPlace {
      let request = handler.isHandler(of: scope) ? scope : nil
      add(.job(JobReport(handler, handlerOf: request, now: now)), of: name, depth: depth)
    }
    var left = Int(scope.pointee.jobCount)
    var link = scope.jobsLink.pointee.next
    while link != scope.jobsLink, hasPlace {
      add(.job(JobReport(.of(sibling: link), now: now)), of: name, depth: depth)
      left -= 1
      link = link.pointee.next
    }
    tree.jobsLeftOut += left
  }

  private mutating func add(_ subject: ScopeTree.Subject, of scope: ScopeName, depth: Int) {
    tree.entries.append(ScopeTree.Entry(depth: depth, scope: scope, subject: subject))
  }
}

extension ScopeName {
  init(_ scope: ScopePointer) {
    id = scope.pointee.id
    name = String(bytes: scope.pointee.name)
    plugin = scope.pointee.generation?.pointee.label
    route = String(bytes: scope.pointee.route)
  }
}

extension ScopeReport {
  fileprivate init(_ scope: ScopePointer, now: Int64) {
    kind = scope.pointee.kind
    parent = scope.pointee.parent?.pointee.id
    state = scope.pointee.state
    isRetiring = scope.pointee.life.isRetiring
    cause = scope.pointee.cause
    age = now - scope.pointee.openedAt
    let deadline = scope.effectiveDeadline
    timeLeft = deadline == .max ? nil : deadline - now
    jobs = scope.pointee.jobCount
  }
}

extension JobReport {
  /// `handlerOf`: the scope of the request whose handler the job runs. It has served others before, so its age is the
  /// request's.
  fileprivate init(_ job: JobPointer, handlerOf request: ScopePointer? = nil, now: Int64) {
    isHandler = request != nil
    name = String(bytes: job.pointee.name)
    state = job.pointee.state
    age = now - (request?.pointee.openedAt ?? job.pointee.madeAt)
    isStuck = job.pointee.cancellation.lateness == .stuck
    let isWaiting = job.pointee.state == .suspended || job.pointee.state == .blocked
    wait = isWaiting ? (job.pointee.waitKind, now - job.waitingSince) : nil
    stackBytes = job.pointee.fiber.flatMap { StackUse.bytes(of: $0.pointee.stack_low!, size: $0.pointee.stack_size) }
  }
}
