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

  /// Takes an event. A host that reports one that cannot happen has lost track of the body, and ends.
  @inlinable
  public mutating func apply(_ event: Event) {
    guard let next = after(event) else { preconditionFailure("a request body cannot change any more") }
    self = next
  }
}
