internal import AmbitCore
internal import Glibc

/// What a descriptor is ready for, in the bits of `ambit_wait_fd`.
struct Readiness: OptionSet {
  let rawValue: UInt32

  /// A read would not block: there are bytes, the end, an error, or a connection to accept.
  static var readable: Readiness { Readiness(rawValue: 1) }
  /// A write would not block.
  static var writable: Readiness { Readiness(rawValue: 2) }
  /// The other side is gone, or there is an error; if it is asked for, also: the peer sends no more.
  static var hangup: Readiness { Readiness(rawValue: 4) }

  /// The bits for this in poll(2) and epoll_ctl(2), which have the same.
  var systemEvents: UInt32 {
    (contains(.readable) ? IOEvents.readable : 0) | (contains(.writable) ? IOEvents.writable : 0)
      | (contains(.hangup) ? IOEvents.hangup : 0)
  }
}

extension Readiness {
  /// What poll(2) or `epoll_wait` reported.
  init(systemEvents events: UInt32) {
    self = []
    if events & IOEvents.readable != 0 { insert(.readable) }
    if events & IOEvents.writable != 0 { insert(.writable) }
    if events & IOEvents.hangup != 0 { insert(.hangup) }
  }

  /// Asks the system now what of this `descriptor` is ready for: `.timedOut` if nothing, `.invalid` if it is not open.
  func poll(_ descriptor: Int32) -> (Status, Readiness) {
    var request = pollfd(fd: descriptor, events: Int16(truncatingIfNeeded: systemEvents), revents: 0)
    while Glibc.poll(&request, 1, 0) < 0 {
      guard errno == EINTR else { return (.noMemory, []) }
    }
    let events = UInt32(UInt16(bitPattern: request.revents))
    if events & UInt32(POLLNVAL) != 0 { return (.invalid, []) }
    let ready = Readiness(systemEvents: events)
    return (ready.isEmpty ? .timedOut : .ok, ready)
  }
}
