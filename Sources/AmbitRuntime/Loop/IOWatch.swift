internal import CLinux
internal import Glibc

/// A file descriptor's registration with a loop: part of the record that wants its events.
package struct IOWatch {
  /// Called on the loop with the watch and the events that `epoll_wait` reports; an event may still come in the turn
  /// in which the descriptor was closed.
  package var onEvents: @convention(c) (UnsafeMutableRawPointer, UInt32) -> Void

  package init(onEvents: @escaping @convention(c) (UnsafeMutableRawPointer, UInt32) -> Void) {
    self.onEvents = onEvents
  }
}

/// What a descriptor is ready for, as `epoll_wait` reports it; see epoll_ctl(2).
package enum IOEvents {
  package static var readable: UInt32 { clinux_epollin }
  package static var writable: UInt32 { clinux_epollout }
  /// The peer has closed its side, or the connection is gone.
  package static var hangup: UInt32 { clinux_epollrdhup | clinux_epollhup | clinux_epollerr }
  /// The connection is gone, both ways.
  package static var broken: UInt32 { clinux_epollhup | clinux_epollerr }

  /// All that a connection wants to know, told once per change: no call per request.
  package static var connection: UInt32 {
    clinux_epollin | clinux_epollout | clinux_epollrdhup | clinux_epollet
  }
  /// Connections to accept, told to one of the loops that share the listener.
  package static var listener: UInt32 { clinux_epollin | clinux_epollexclusive }
}

extension UnsafeMutablePointer<Loop> {
  /// Reports events of `descriptor` to `watch`, which stays at its address until the descriptor is closed.
  package func watch(_ descriptor: Int32, _ watch: UnsafeMutablePointer<IOWatch>, for events: UInt32)
    throws(SystemError)
  {
    var event = epoll_event()
    event.events = events
    event.data.ptr = UnsafeMutableRawPointer(watch)
    try SystemError.check("epoll_ctl", epoll_ctl(pointee.epoll, EPOLL_CTL_ADD, descriptor, &event))
  }

  /// Reports no more events of `descriptor`, which stays open.
  package func unwatch(_ descriptor: Int32) {
    _ = epoll_ctl(pointee.epoll, EPOLL_CTL_DEL, descriptor, nil)
  }
}
