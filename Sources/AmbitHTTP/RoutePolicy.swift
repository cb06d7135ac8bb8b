internal import AmbitCore
internal import AmbitRuntime

/// How the requests of a route are treated: as its plugin asks for, where the configuration does not say otherwise.
struct RoutePolicy {
  /// Nanoseconds from a request's head to its end; `Int64.max`: none; nil: as the server's limits say.
  var timeout: Int64?
  /// The handler or function runs on a thread of the pool.
  var isBlocking: Bool
  /// The request goes on when its client leaves.
  var finishesOnDisconnect: Bool

  init(of route: RoutePointer, changes: [RouteChange]) {
    timeout = nil
    isBlocking = route.pointee.isBlocking
    finishesOnDisconnect = route.pointee.finishesOnDisconnect
    for change in changes {
      timeout = change.timeout ?? timeout
      isBlocking = change.isBlocking ?? isBlocking
      finishesOnDisconnect = change.finishesOnDisconnect ?? finishesOnDisconnect
    }
  }
}
