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

  /// Takes an event. A host that reports one that cannot happen has lost track of the response, and ends.
  @inlinable
  public mutating func apply(_ event: Event) {
    guard let next = after(event) else { preconditionFailure("a response cannot take this step") }
    self = next
  }
}
