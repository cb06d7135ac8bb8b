internal import AmbitCore

/// What the scopes and jobs of one loop were doing at one moment: copies, for other threads to read.
struct ScopeTree: Sendable {
  /// The loop's index.
  let loop: Int
  /// From the root down: a scope, its handler, its jobs, then the scopes in it. All ages are of the same moment.
  var entries: [Entry] = []
  /// Jobs that have not returned within `cancelGrace` of their cancel.
  var stuckJobs = 0
  /// Scopes for which there was no place, whatever is in them.
  var scopesLeftOut = 0
  /// Jobs of scopes in `entries` for which there was no place.
  var jobsLeftOut = 0

  struct Entry: Sendable {
    /// How many scopes it lies in.
    let depth: Int
    /// The scope, or the one that the job belongs to.
    let scope: ScopeName
    let subject: Subject
  }

  enum Subject: Sendable {
    case scope(ScopeReport)
    case job(JobReport)
  }
}

/// Who a scope is.
struct ScopeName: Sendable {
  let id: UInt64
  /// What its opener called it; empty if nothing.
  let name: String
  /// "hello/3"; nil in the host's scope.
  let plugin: String?
  /// The pattern of the request's route; empty outside a request.
  let route: String
}

/// What a scope is doing. Times are in nanoseconds.
struct ScopeReport: Sendable {
  let kind: Scope.Kind
  let parent: UInt64?
  let state: ScopeState
  /// A plugin's scope that takes no more requests.
  let isRetiring: Bool
  let cause: Cause
  let age: Int64
  /// Until the deadline that holds, below 0 if it has passed; nil if there is none.
  let timeLeft: Int64?
  let jobs: UInt32
}

/// What a job is doing. Times are in nanoseconds.
struct JobReport: Sendable {
  /// It runs the request's handler.
  let isHandler: Bool
  /// Empty if it has none.
  let name: String
  let state: JobState
  let age: Int64
  /// What it waits for, and for how long it has; nil if it does not wait.
  let wait: (kind: WaitKind, time: Int64)?
  /// See `StackUse`; nil if it has no stack.
  let stackBytes: Int?
  /// It has not returned within `cancelGrace` of its cancel.
  var isStuck = false
}
