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
  /// It runs neither in place nor on the stack of its connection: it is blocking, or asks for a stack of its own.
  var runsElsewhere: Bool
  /// Bytes of stack that it asks for; 0: none.
  var stackSize: UInt32

  init(of route: RoutePointer, changes: [RouteChange]) {
    timeout = nil
    isBlocking = route.pointee.isBlocking
    finishesOnDisconnect = route.pointee.finishesOnDisconnect
    stackSize = UInt32(clamping: route.pointee.stackSize)
    runsElsewhere = false
    for change in changes {
      timeout = change.timeout ?? timeout
      isBlocking = change.isBlocking ?? isBlocking
      finishesOnDisconnect = change.finishesOnDisconnect ?? finishesOnDisconnect
      stackSize = change.stackSize.map { UInt32(clamping: $0) } ?? stackSize
    }
    runsElsewhere = isBlocking || stackSize > 0
  }
}
