public import AmbitSystem
internal import CLinux
internal import Glibc

/// A file descriptor's registration with a loop: part of the record that wants its events.
public struct IOWatch {
  /// Called on the loop with the watch and the events that `epoll_wait` reports; an event may still come in the turn
  /// in which the descriptor was closed.
  public var onEvents: @convention(c) (UnsafeMutableRawPointer, UInt32) -> Void

  public init(onEvents: @escaping @convention(c) (UnsafeMutableRawPointer, UInt32) -> Void) {
    self.onEvents = onEvents
  }
}

/// What a descriptor is ready for, as `epoll_wait` reports it; see epoll_ctl(2).
public enum IOEvents {
  public static var readable: UInt32 { clinux_epollin }
  public static var writable: UInt32 { clinux_epollout }
  /// The peer has closed its side, or the connection is gone.
  public static var hangup: UInt32 { clinux_epollrdhup | clinux_epollhup | clinux_epollerr }
  /// The connection is gone, both ways.
  public static var broken: UInt32 { clinux_epollhup | clinux_epollerr }

  /// All that a connection wants to know, told once per change: no call per request.
  public static var connection: UInt32 {
    clinux_epollin | clinux_epollout | clinux_epollrdhup | clinux_epollet
  }
  /// Connections to accept.
  public static var listener: UInt32 { clinux_epollin }
  /// What a loop writes to a descriptor for another one, and nobody reads, told once for each time: eventfd(2).
  public static var relay: UInt32 { rings }
  /// What is written to a descriptor that nobody reads, told once for each time: eventfd(2).
  static var rings: UInt32 { clinux_epollin | clinux_epollet }
  /// Added to others: told once, then no more.
  static var once: UInt32 { clinux_epolloneshot }
}

extension UnsafeMutablePointer<Loop> {
  /// Reports events of `descriptor` to `watch`, which stays at its address until the descriptor is closed.
  public func watch(_ descriptor: Int32, _ watch: UnsafeMutablePointer<IOWatch>, for events: UInt32)
    throws(SystemError)
  {
    var event = epoll_event()
    event.events = events
    event.data.ptr = UnsafeMutableRawPointer(watch)
    try SystemError.check("epoll_ctl", epoll_ctl(pointee.epoll, EPOLL_CTL_ADD, descriptor, &event))
  }

  /// Reports events of a descriptor that several loops watch: of those that sleep, the one that has watched longest is
  /// told, and of the others those that are awake (EPOLLEXCLUSIVE). A system that lacks this tells all of them.
  public func watchShared(_ descriptor: Int32, _ watch: UnsafeMutablePointer<IOWatch>, for events: UInt32)
    throws(SystemError)
  {
    do throws(SystemError) {
      try self.watch(descriptor, watch, for: events | clinux_epollexclusive)
    } catch {
      guard [EINVAL, EPERM, ENOSYS].contains(error.code) else { throw error }
      try self.watch(descriptor, watch, for: events)
    }
  }

  /// Reports no more events of `descriptor`, which stays open; false if it was closed before: a duplicate of it may be
  /// open, and then there is no way to stop its events.
  @discardableResult
  public func unwatch(_ descriptor: Int32) -> Bool {
    epoll_ctl(pointee.epoll, EPOLL_CTL_DEL, descriptor, nil) == 0
  }
}
