internal import AmbitCore
internal import CFiber
internal import Glibc

/// The scopes and jobs of one loop at one moment: a copy, which other threads may read.
struct ScopeTree: Codable, Sendable {
  /// The loop's index.
  let loop: Int
  /// From the root down: a scope, its handler, its jobs, then its child scopes. All ages are taken at the same moment.
  var entries: [Entry] = []
  /// How many jobs have not returned within `cancel_grace` of their cancel.
  var stuckJobs = 0
  /// How many scopes were left out for lack of room, with all jobs and scopes in them.
  var scopesLeftOut = 0
  /// How many jobs of scopes in `entries` were left out for lack of room.
  var jobsLeftOut = 0

  struct Entry: Codable, Sendable {
    /// How many scopes lie above it.
    let depth: UInt16
    /// The scope, or the scope of the job.
    let scope: ScopeLabel
    let subject: Subject
  }

  enum Subject: Codable, Sendable {
    case scope(ScopeReport)
    case job(JobReport)
  }
}

/// The state of a scope. Times are in nanoseconds.
struct ScopeReport: Codable, Sendable {
  let kind: Scope.Kind
  /// `ScopeLabel.identifier` of the scope above; nil for the host's.
  let parent: String?
  let state: ScopeState
  /// It is the scope of a plugin whose generation is being retired.
  let isRetiring: Bool
  let cause: Cause
  let age: Int64
  /// The time until the deadline that holds, negative if it has passed; nil if there is none.
  let timeLeft: Int64?
  let jobs: UInt32
}

/// The state of a job. Times are in nanoseconds.
struct JobReport: Codable, Sendable {
  /// What a job waits for, and how long it has waited.
  struct Wait: Codable, Sendable {
    let kind: WaitKind
    let time: Int64
  }

  /// It runs the handler of a request.
  let isHandler: Bool
  /// Empty if it has none.
  let name: String
  let state: JobState
  let age: Int64
  /// nil if it does not wait.
  let wait: Wait?
  /// See `StackUse`; nil if it has no stack.
  let stackBytes: Int?
  /// It has not returned within `cancel_grace` of its cancel.
  var isStuck = false
}

/// Copies the scopes and jobs of a loop, on the loop, which does nothing else meanwhile.
struct ScopeTreeWalk {
  private(set) var tree: ScopeTree
  /// How many entries are copied at most. The rest is counted and not visited, so that the walk takes milliseconds.
  private let limit: Int
  private let now: Int64
  private var scopeCount = 0

  /// Copies up to `limit` scopes and jobs of `loop`, from the root down.
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
    let name = ScopeLabel(scope)
    add(.scope(ScopeReport(scope, now: now)), of: name, depth: depth)
    addJobs(of: scope, name, depth: depth + 1)
    var link = scope.childrenLink.pointee.next
    while link != scope.childrenLink, hasPlace {
      visit(.of(sibling: link), depth: depth + 1)
      link = link.pointee.next
    }
  }

  private mutating func addJobs(of scope: ScopePointer, _ name: ScopeLabel, depth: Int) {
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

  private mutating func add(_ subject: ScopeTree.Subject, of scope: ScopeLabel, depth: Int) {
    tree.entries.append(ScopeTree.Entry(depth: UInt16(clamping: depth), scope: scope, subject: subject))
  }
}

extension ScopeReport {
  fileprivate init(_ scope: ScopePointer, now: Int64) {
    kind = scope.pointee.kind
    parent = scope.pointee.parent.map { ScopeLabel($0).identifier }
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
  /// - Parameter handlerOf: The scope of the request whose handler the job runs. The job may have served earlier
  ///   requests, so
  ///   the age is that of the request.
  fileprivate init(_ job: JobPointer, handlerOf request: ScopePointer? = nil, now: Int64) {
    isHandler = request != nil
    name = String(bytes: job.pointee.name)
    state = job.pointee.state
    age = now - (request?.pointee.openedAt ?? job.pointee.madeAt)
    isStuck = job.pointee.cancellation.lateness == .stuck
    let isWaiting = job.pointee.state == .suspended || job.pointee.state == .blocked
    wait = isWaiting ? Wait(kind: job.pointee.waitKind, time: now - job.waitingSince) : nil
    stackBytes = job.pointee.fiber.flatMap { StackUse.bytes(of: $0.pointee.stack_low!, size: $0.pointee.stack_size) }
  }
}

/// How much of a fiber's stack has been used at most.
enum StackUse {
  /// Bytes from the deepest page of the stack that is in memory, mincore(2), to the top of the stack; nil if the kernel
  /// does not tell.
  ///
  /// A high-water mark in whole pages, and an upper bound for the present job: stacks are reused with their pages, so
  /// an earlier job may have gone deeper. Pages that are swapped out do not count.
  static func bytes(of stack: UnsafeMutableRawPointer, size: Int) -> Int? {
    let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: size / pageSize) { pages in
      guard mincore(stack, size, pages.baseAddress) == 0 else { return nil }
      let deepest = pages.firstIndex { $0 & 1 == 1 } ?? pages.count
      return (pages.count - deepest) * pageSize
    }
  }
}
