package import AmbitCore

/// A configured route to a C function: `[[route]]` in `host.conf`.
package struct CallRoute: Codable, Sendable {
  package let pattern: RoutePattern
  /// The function's name in its library or plugin.
  package let symbol: String
  package let signature: CSignature
  package let placement: CallPlacement
  /// Whether the request goes on when its client leaves.
  package let finishesOnDisconnect: Bool
  /// The `Content-Type` of text answers; nil: the default.
  package let contentType: String?
  /// The place in the configuration, for messages: `host.conf:12: route[2].call`.
  package let place: String

  package init(
    pattern: RoutePattern, symbol: String, signature: CSignature, placement: CallPlacement, finishesOnDisconnect: Bool,
    contentType: String?, place: String
  ) {
    self.pattern = pattern
    self.symbol = symbol
    self.signature = signature
    self.placement = placement
    self.finishesOnDisconnect = finishesOnDisconnect
    self.contentType = contentType
    self.place = place
  }
}

extension CallRoute: Equatable {
  /// Whether both serve the same. Their places in the configuration may differ.
  package static func == (left: CallRoute, right: CallRoute) -> Bool {
    left.pattern == right.pattern && left.symbol == right.symbol && left.signature == right.signature
      && left.placement == right.placement && left.finishesOnDisconnect == right.finishesOnDisconnect
      && left.contentType == right.contentType
  }
}

/// A function that a configured route calls.
struct WantedFunction: Codable, Equatable {
  /// Its name in its library or plugin.
  let symbol: String
  /// The place of the route in the configuration, for messages.
  let place: String
  /// Whether it would run on event loops although the operator does not say that it is thread-safe.
  let mustBeKnownAsSafe: Bool
}

extension WantedFunction {
  init(_ call: CallRoute) {
    self.init(
      symbol: call.symbol, place: call.place, mustBeKnownAsSafe: call.placement == .loop(isSaidToBeSafe: false))
  }
}

/// The threads that a C function of a configured route runs on, and whether its calls run in parallel.
package enum CallPlacement: Codable, Sendable, Equatable {
  /// On the event loop of its request, in parallel with calls on other loops. If the operator does not say that the
  /// function is thread-safe, the host must know it.
  case loop(isSaidToBeSafe: Bool)
  /// On a thread of the pool, in parallel.
  case parallel
  /// One call of its library at a time: on threads of the pool, or on the library's own thread if another route asks
  /// for that and this one does not exclude it.
  case serial(staysOnPool: Bool)
  /// One call of its library at a time, on the library's own thread.
  case ownThread

  /// The placement of a function that a plugin declares.
  package static func ofPlugin(isBlocking: Bool) -> CallPlacement {
    isBlocking ? .parallel : .loop(isSaidToBeSafe: true)
  }

  /// Whether it runs on another thread than the event loop.
  package var usesThread: Bool { if case .loop = self { false } else { true } }

  /// Whether calls of its library run one at a time.
  var isSerial: Bool {
    switch self {
    case .serial, .ownThread: true
    case .loop, .parallel: false
    }
  }

  /// Whether it is compatible with the placement of another route of its library that may want an own thread.
  package func fits(ownThreadOf other: CallPlacement) -> Bool {
    guard other == .ownThread else { return true }
    return self == .ownThread || self == .serial(staysOnPool: false)
  }

  /// A few words for the operator. `sharesOwnThread`: another route of the library wants an own thread.
  package func text(sharesOwnThread: Bool) -> String {
    switch self {
    case .loop: "event loop, in parallel"
    case .parallel: "pool, in parallel"
    case .serial: sharesOwnThread ? "own thread" : "pool, one at a time"
    case .ownThread: "own thread"
    }
  }
}
