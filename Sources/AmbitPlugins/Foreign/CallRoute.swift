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
