/// The life of a request's body: how far it has been read, and why no more of it can be.
public enum RequestBodyState: Sendable, Equatable, CaseIterable {
  /// More of it is to come.
  case reading
  /// All of it has been read, or there is none.
  case finished
  /// It is longer than the host accepts. The rest is not read.
  case tooLong
  /// Its framing is wrong, or the client stopped in the middle. No more can be read.
  case malformed

  public enum Event: Sendable, CaseIterable {
    /// The last byte has been taken.
    case ended
    /// A head or a chunk announces more than the host accepts.
    case limitExceeded
    /// The framing is wrong, or the connection has ended.
    case broken
  }

  /// The state of the body of a request whose head says this.
  /// - Parameter limit: the most bytes that the host accepts.
  @inlinable
  public init(_ length: BodyLength, limit: Int64) {
    switch length {
    case .none, .known(0): self = .finished
    case .known(let length): self = length > limit ? .tooLong : .reading
    case .unknown: self = .reading
    }
  }

  /// The state after an event; nil if the event cannot happen in this state. Only a body that is being read changes.
  @inlinable
  public func after(_ event: Event) -> RequestBodyState? {
    guard self == .reading else { return nil }
    return switch event {
    case .ended: .finished
    case .limitExceeded: .tooLong
    case .broken: .malformed
    }
  }

  /// Takes an event. If the event cannot happen in this state, the host has lost track of the body, and ends.
  @inlinable
  public mutating func apply(_ event: Event) {
    guard let next = after(event) else { preconditionFailure("a request body cannot change any more") }
    self = next
  }
}

/// The life of a response: from nothing to its last byte, or to the place where it was cut short.
public enum ResponseState: Sendable, Equatable, CaseIterable {
  /// Nothing has been sent. Status and header lines can still change.
  case notStarted
  /// The head is on its way, and the body is not complete.
  case streaming
  /// Part of the body could not be sent, and no more of it will be.
  case cutShort
  /// The whole response has been handed to the transport.
  case complete

  public enum Event: Sendable, CaseIterable {
    /// The head has been handed to the transport without the end of the body.
    case headSent
    /// A piece of the body could not be sent, or only in part.
    case pieceFailed
    /// The last byte has been handed to the transport.
    case ended
  }

  /// The state after an event; nil if the event cannot happen in this state.
  @inlinable
  public func after(_ event: Event) -> ResponseState? {
    switch (self, event) {
    case (.notStarted, .headSent): .streaming
    case (.notStarted, .ended), (.streaming, .ended): .complete
    // Of several jobs that write, each may fail.
    case (.streaming, .pieceFailed), (.cutShort, .pieceFailed): .cutShort
    default: nil
    }
  }

  /// Takes an event. If the event cannot happen in this state, the host has lost track of the response, and ends.
  @inlinable
  public mutating func apply(_ event: Event) {
    guard let next = after(event) else { preconditionFailure("a response cannot take this step") }
    self = next
  }
}
