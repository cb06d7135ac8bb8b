/// Why a scope ended. The first cause wins.
public enum Cause: UInt8, Codable, Sendable, BitwiseCopyable {
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
public enum ScopeState: Codable, Sendable, BitwiseCopyable {
  /// The scope takes jobs and child scopes, and waits wait.
  case open
  /// It has a cause: waits fail, nothing new starts, and what runs is to return.
  case cancelling
  /// Nothing of the scope runs any more, its deferred functions have run, and its memory is released.
  case closed
}

/// The life of a scope, from its opening to its close.
///
/// Its phases only move forward, with one exception: a scope that could be closed goes on when its opener uses it
/// again. Who may change a scope's life, and what follows from a change for its jobs and its parent, is the runtime's
/// business.
public struct ScopeLifeCycle: Sendable, BitwiseCopyable, Equatable {
  public enum Phase: UInt8, Sendable, CaseIterable, BitwiseCopyable {
    /// Takes jobs and child scopes. Waits wait.
    case open
    /// Still open: its end with `done` comes after the jobs that are ready now have had their turn.
    case ending
    /// It has a cause: waits fail, nothing new starts, and what runs is to return.
    case cancelling
    /// Nothing of it runs any more, and it waits for its owner to close it.
    case closable
    /// Its deferred functions run, or have run.
    case closing
    /// Its memory is released.
    case closed
  }

  /// Who closes a scope.
  public enum Owner: UInt8, Sendable, CaseIterable, BitwiseCopyable {
    /// Nobody: it closes once it is cancelled and nothing holds it.
    case none
    /// The plugin code that opened it. The opener has a hold of its own until it closes the scope.
    case opener
    /// The plugin generation whose scope it is: it calls the plugin's `stop` before it closes the scope.
    case generation
  }

  /// What the runtime has to do after a hold was released.
  public enum Consequence: Sendable, CaseIterable, BitwiseCopyable {
    case none
    /// The scope has become closable: its owner is to be told, or its parent is to be released.
    case becameClosable
    /// The scope is to be closed now.
    case close
  }

  // The transitions stand on the path of every request, and the compiler inlines them in other modules only if they are
  // `@inlinable`: hence a name inside and one outside for each of these.
  @usableFromInline var currentPhase = Phase.open
  @usableFromInline var firstCause = Cause.none
  @usableFromInline var currentOwner: Owner
  /// The scope takes no more requests. Only the scope of a plugin generation does this.
  public private(set) var isRetiring = false
  @usableFromInline var holdCount: UInt32 = 1

  /// The life of an open scope that has one hold: its opener's.
  @inlinable
  public init(owner: Owner = .none) { currentOwner = owner }

  @inlinable public var phase: Phase { currentPhase }
  /// Why the scope ends; `none` while it is open.
  @inlinable public var cause: Cause { firstCause }
  @inlinable public var owner: Owner { currentOwner }
  /// Jobs, child scopes and others that keep the scope from closing.
  @inlinable public var holds: UInt32 { holdCount }

  /// The scope takes jobs, and its waits wait.
  @inlinable @inline(__always)
  public var isOpen: Bool {
    switch phase {
    case .open, .ending: true
    case .cancelling, .closable, .closing, .closed: false
    }
  }

  /// The phase as reports and plugins know it.
  public var state: ScopeState {
    switch phase {
    case .open, .ending: .open
    case .cancelling, .closable, .closing: .cancelling
    case .closed: .closed
    }
  }
}

// The transitions. Each says whether it took place; if not, nothing has changed.

extension ScopeLifeCycle {
  /// Ends the open scope. The first cause wins: a scope that has one keeps it.
  @inlinable @inline(__always)
  public mutating func cancel(_ cause: Cause) -> Bool {
    guard isOpen else { return false }
    currentPhase = .cancelling
    firstCause = cause
    return true
  }

  /// The open scope is to end with `done` after the jobs that are ready now. False if that was asked for before.
  @inlinable @inline(__always)
  public mutating func queueEnd() -> Bool {
    guard phase == .open else { return false }
    currentPhase = .ending
    return true
  }

  /// The scope takes no more requests.
  public mutating func retire() { isRetiring = true }

  /// Keeps the scope from closing. True if that makes a closable scope go on, which then is to hold its parent again.
  /// The scope of a generation stays closable: only its generation closes it.
  @inlinable @inline(__always)
  public mutating func hold() -> Bool {
    holdCount += 1
    guard phase == .closable, owner == .opener else { return false }
    currentPhase = .cancelling
    return true
  }

  /// Gives up a hold.
  @inlinable @inline(__always)
  public mutating func release() -> Consequence {
    holdCount -= 1
    switch phase {
    case .cancelling:
      guard holds == (owner == .opener ? 1 : 0) else { return .none }
      if owner == .none { return .close }
      currentPhase = .closable
      return .becameClosable
    case .closing: return holds == 0 ? .close : .none
    case .open, .ending, .closable, .closed: return .none
    }
  }

  /// Its opener closes the scope, or its parent does for the opener: it has no owner any more, and is to be released
  /// once for the opener. True if that makes a closable scope go on, which then is to hold its parent again.
  public mutating func leaveOpener() -> Bool {
    let wasClosable = phase == .closable
    if wasClosable { currentPhase = .cancelling }
    currentOwner = .none
    return wasClosable
  }

  /// The scope closes, and is held meanwhile. A deferred function can make that happen again: it may have tried to
  /// spawn jobs, whose hooks run first.
  @inlinable @inline(__always)
  public mutating func beginClosing() {
    currentPhase = .closing
    holdCount += 1
  }

  /// Gives up the hold of `beginClosing`. True if the scope is closed; false if something still holds it.
  @inlinable @inline(__always)
  public mutating func endClosing() -> Bool {
    holdCount -= 1
    guard holds == 0 else { return false }
    currentPhase = .closed
    return true
  }
}
