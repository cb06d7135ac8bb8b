public import AmbitSystem
internal import CLinux
internal import Glibc

/// The registration of a descriptor with a loop. Part of the record that handles the events.
public struct IOWatch {
  /// Called on the loop with the watch and the events that `epoll_wait` reports. An event may still come in the turn in
  /// which the descriptor was closed.
  public var onEvents: @convention(c) (UnsafeMutableRawPointer, UInt32) -> Void

  public init(onEvents: @escaping @convention(c) (UnsafeMutableRawPointer, UInt32) -> Void) {
    self.onEvents = onEvents
  }
}

/// Events of a descriptor, as `epoll_wait` reports them: epoll_ctl(2).
public enum IOEvents {
  public static var readable: UInt32 { clinux_epollin }
  public static var writable: UInt32 { clinux_epollout }
  /// The peer has closed its sending side, or the connection is gone.
  public static var hangup: UInt32 { clinux_epollrdhup | clinux_epollhup | clinux_epollerr }
  /// The connection is gone in both directions.
  public static var broken: UInt32 { clinux_epollhup | clinux_epollerr }

  /// All events of a connection, edge-triggered, so that a request needs no call of epoll_ctl.
  public static var connection: UInt32 {
    clinux_epollin | clinux_epollout | clinux_epollrdhup | clinux_epollet
  }
  /// Connections to accept.
  public static var listener: UInt32 { clinux_epollin }
  /// Each write to an eventfd(2) that nobody reads.
  public static var wakeup: UInt32 { clinux_epollin | clinux_epollet }
  /// Added to other events: reported once only.
  static var once: UInt32 { clinux_epolloneshot }
}

extension UnsafeMutablePointer<Loop> {
  /// Reports events of `descriptor` to `watch`, which must stay at its address until the descriptor is closed.
  public func watch(_ descriptor: Int32, _ watch: UnsafeMutablePointer<IOWatch>, for events: UInt32)
    throws(SystemError)
  {
    var event = epoll_event()
    event.events = events
    event.data.ptr = UnsafeMutableRawPointer(watch)
    try SystemError.check("epoll_ctl", epoll_ctl(pointee.epoll, EPOLL_CTL_ADD, descriptor, &event))
  }

  /// Reports events of a descriptor that several loops watch. Of the sleeping loops only the one that has watched
  /// longest is woken; loops that are awake see the event, too (EPOLLEXCLUSIVE). A kernel without it wakes all.
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

  /// Stops the events of `descriptor`, which stays open. False if it has been closed before: if a duplicate of it is
  /// still open, its events cannot be stopped.
  @discardableResult
  public func unwatch(_ descriptor: Int32) -> Bool {
    epoll_ctl(pointee.epoll, EPOLL_CTL_DEL, descriptor, nil) == 0
  }
}

extension EventLoop {
  /// Stops the events of a descriptor for a loop that is blocked and cannot do it itself. An event that the loop has
  /// received already may still come. From any thread; does not wait.
  public func unwatch(_ descriptor: Int32) { record.unwatch(descriptor) }
}
