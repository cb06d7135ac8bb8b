/// Why a scope ended. The first cause wins.
public enum Cause: UInt8, Sendable, BitwiseCopyable {
  /// The scope has not ended.
  case none
  /// The handler has returned and the response is complete.
  case done
  /// The client closed or reset its connection before the response was complete.
  case disconnect
  /// The scope's deadline passed.
  case deadline
  /// Plugin code cancelled the scope or a scope above it.
  case called
  /// A job failed in a fail-fast scope.
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

  /// The outcome of a job whose function returned `code`: `AMBIT_CANCELLED` means cancelled, any other negative status
  /// means failed, and everything else is a result.
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
  /// The scope takes jobs and child scopes, and waits wait.
  case open
  /// It has a cause: waits fail, nothing new starts, and what runs is to return.
  case cancelling
  /// Nothing of the scope runs any more, its deferred functions have run, and its memory is released.
  case closed
}
