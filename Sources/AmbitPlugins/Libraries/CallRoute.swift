package import AmbitCore

/// A route to a C function that the operator configures.
package struct CallRoute: Sendable {
  package let pattern: RoutePattern
  /// The function's name in its library or plugin.
  package let symbol: String
  package let signature: CSignature
  package let placement: CallPlacement
  /// The request goes on when its client leaves.
  package let finishesOnDisconnect: Bool
  /// The `Content-Type` of text answers; nil for the usual one.
  package let contentType: String?
  /// Where it is configured, for messages: `host.conf:12: route[2].call`.
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
  /// Whether both serve the same, wherever they are configured.
  package static func == (left: CallRoute, right: CallRoute) -> Bool {
    left.pattern == right.pattern && left.symbol == right.symbol && left.signature == right.signature
      && left.placement == right.placement && left.finishesOnDisconnect == right.finishesOnDisconnect
      && left.contentType == right.contentType
  }
}

/// A function that a configured route calls.
struct WantedFunction: Equatable {
  /// Its name in its library or plugin.
  let symbol: String
  /// Where the route is configured, for messages.
  let place: String
  /// It would run on event loops, and nobody says that it is thread-safe.
  let mustBeKnownAsSafe: Bool
}

extension WantedFunction {
  init(_ call: CallRoute) {
    self.init(
      symbol: call.symbol, place: call.place, mustBeKnownAsSafe: call.placement == .loop(isSaidToBeSafe: false))
  }
}

/// Where a C function of a configured route runs, and beside what.
package enum CallPlacement: Sendable, Equatable {
  /// On the event loop of its request, so in parallel with calls on other loops. Without the operator's word that the
  /// function is thread-safe the host has to know so itself.
  case loop(isSaidToBeSafe: Bool)
  /// On a thread of the pool, in parallel.
  case parallel
  /// One at a time with other calls of its library: on threads of the pool, or on the library's own thread if another
  /// route asks for that and this one does not rule it out.
  case serial(staysOnPool: Bool)
  /// One at a time, on the one thread that the library has for itself.
  case ownThread

  /// Of a function that a plugin declares itself.
  package static func ofPlugin(isBlocking: Bool) -> CallPlacement {
    isBlocking ? .parallel : .loop(isSaidToBeSafe: true)
  }

  /// Whether the event loop goes on meanwhile.
  package var usesThread: Bool { if case .loop = self { false } else { true } }

  /// Whether it has its turn after other calls of its library.
  var isSerial: Bool {
    switch self {
    case .serial, .ownThread: true
    case .loop, .parallel: false
    }
  }

  /// Whether it runs where another route of its library wants the library's own thread.
  package func fits(ownThreadOf other: CallPlacement) -> Bool {
    guard other == .ownThread else { return true }
    return self == .ownThread || self == .serial(staysOnPool: false)
  }

  /// For the operator, a few words. `sharesOwnThread` says that another route of the library wants it.
  package func text(sharesOwnThread: Bool) -> String {
    switch self {
    case .loop: "event loop, in parallel"
    case .parallel: "pool, in parallel"
    case .serial: sharesOwnThread ? "own thread" : "pool, one at a time"
    case .ownThread: "own thread"
    }
  }
}
