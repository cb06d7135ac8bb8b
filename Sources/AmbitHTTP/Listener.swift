internal import AmbitCore
internal import AmbitRuntime
internal import CLinux
internal import Glibc

/// A listening socket's registration with one loop.
struct Listener {
  /// First, so that events find the record.
  var watch: IOWatch
  let descriptor: Int32
  let server: ServerPointer
  /// Accepts again after the process had run out of descriptors or memory.
  var timer: Timer
  /// From when on that is worth another line in the log.
  var complaintDue: Int64 = 0
}

typealias ListenerPointer = UnsafeMutablePointer<Listener>

extension UnsafeMutablePointer<Listener> {
  private var timer: TimerPointer { pointer(to: \.timer)! }

  /// The listener whose field `timer` lies at that address.
  private static func of(timer: UnsafeMutableRawPointer) -> ListenerPointer {
    timer.assumingMemoryBound(to: Timer.self).record(Listener.self, at: MemoryLayout<Listener>.offset(of: \.timer)!)
  }

  /// Accepts connections on the server's loop from now on.
  func open(descriptor: Int32, on server: ServerPointer) throws(SystemError) {
    initialize(
      to: Listener(
        watch: IOWatch { watch, _ in watch.assumingMemoryBound(to: Listener.self).acceptBatch() },
        descriptor: descriptor, server: server,
        timer: Timer(at: timer) { ListenerPointer.of(timer: $0).resume() }))
    try server.pointee.loop.watch(descriptor, pointer(to: \.watch)!, for: IOEvents.listener)
  }

  /// Accepts no more connections. The descriptor stays the caller's.
  func stop() {
    server.pointee.loop.disarm(timer)
    server.pointee.loop.unwatch(pointee.descriptor)
  }

  private var server: ServerPointer { pointee.server }

  /// Accepts what has queued up, at most so many that other events get their turn.
  private func acceptBatch() {
    guard !server.pointee.isDraining else { return }
    for _ in 0..<64 {
      let descriptor = clinux_accept(pointee.descriptor)
      guard descriptor >= 0 else { return acceptFailed(errno) }
      server.serve(descriptor)
    }
  }

  /// See accept(2): most errors are of the one connection that was to be accepted. Without descriptors or memory the
  /// event would come again at once, so the listener rests for a while. That may go on for hours, and need not fill the
  /// log.
  private func acceptFailed(_ code: Int32) {
    switch code {
    case EMFILE, ENFILE, ENOBUFS, ENOMEM:
      let now = server.pointee.loop.pointee.now
      if now >= pointee.complaintDue {
        HTTPLog.cannotAccept(code)
        pointee.complaintDue = now + 10_000_000_000
      }
      server.pointee.loop.unwatch(pointee.descriptor)
      server.pointee.loop.arm(timer, after: 100_000_000)
    default: break
    }
  }

  private func resume() {
    try? server.pointee.loop.watch(pointee.descriptor, pointer(to: \.watch)!, for: IOEvents.listener)
  }
}
