internal import CFiber

/// What a job needs only while it has a stack: at the top of that, right below the fiber's record, where a page is in
/// memory anyway.
struct Activation {
  /// What the job waits to send, or has received, through a channel.
  var message: UnsafeMutableRawPointer?
  /// When the present wait, or the last one, began: monotonic nanoseconds, as of that turn of the loop.
  var waitingSince: Int64 = 0
}

extension UnsafeMutablePointer<Job> {
  /// Its activation. It has a stack.
  @inline(__always)
  var activation: UnsafeMutablePointer<Activation> {
    (UnsafeMutableRawPointer(pointee.fiber!) - MemoryLayout<Activation>.size).assumingMemoryBound(to: Activation.self)
  }

  /// When the present wait, or the last one, began: monotonic nanoseconds. A ticker without a stack waits since its last
  /// tick was due.
  var waitingSince: Int64 {
    guard pointee.fiber == nil else { return activation.pointee.waitingSince }
    return max(pointee.ticks.due &- pointee.ticks.interval, pointee.madeAt)
  }
}
