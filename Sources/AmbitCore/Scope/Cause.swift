/// Why a scope ended. The first cause is kept; later ones change nothing.
public enum Cause: UInt8, Sendable, BitwiseCopyable {
  /// It has not ended.
  case none
  /// The handler has returned and the response is complete.
  case done
  /// The client closed or reset its connection before the response was complete.
  case disconnect
  /// The scope's deadline passed.
  case deadline
  /// Plugin code cancelled the scope, or one above it.
  case called
  /// A job failed in a scope that was opened to fail with its first job.
  case failed
  /// The plugin generation is being retired, and its drain time is over.
  case retired
  /// The host is stopping, and its drain time is over.
  case shutdown
}

/// How a job ended.
public enum Outcome: UInt8, Sendable, BitwiseCopyable {
  case completed
  case cancelled
  case failed

  /// The outcome of a job whose function returned `code`.
  ///
  /// A job that says it was cancelled was cancelled, whether it was asked to or passes on what a wait told it; any
  /// other negative status is a failure; all else is its result.
  public init(code: Int32) {
    switch code {
    case Status.cancelled.rawValue: self = .cancelled
    case ..<0: self = .failed
    default: self = .completed
    }
  }
}

/// What reports and plugins know of a scope's life: see `ScopeLifeCycle`.
public enum ScopeState: Sendable, BitwiseCopyable {
  /// Takes jobs and child scopes; waits wait.
  case open
  /// It has a cause: waits fail, nothing new starts, and what runs is to return.
  case cancelling
  /// Nothing of it runs any more, its deferred functions have run, its memory is released.
  case closed
}
