public import Synchronization

/// Runs calls one at a time, first come, first served: the calls of functions of one library, which may keep their state
/// in variables that every call shares.
///
/// A call that waits for its turn holds no thread. Cancelling it takes it out of the queue. A lane belongs to one thread
/// pool: the first that is given a call of it.
public final class SerialLane: @unchecked Sendable {
  /// The library, as messages name it.
  public let name: String
  /// The calls run on one thread, the same for the life of the lane, instead of any thread of the pool. A change holds
  /// from the next call on. From any thread.
  public let usesOwnThread = Atomic<Bool>(false)

  // All that follows is guarded by the lock of the pool.

  /// The call whose turn it is: a thread runs it, or it waits for a thread of the pool.
  var running: PoolWork?
  var waiting = WorkQueue()
  /// When a thread began the running call, in monotonic nanoseconds; nil while it waits for a thread.
  var since: Int64?
  /// When a call that has not returned is reported, or reported again: monotonic nanoseconds.
  var reportDue = Int64.max
  /// The running call has been reported.
  var isReported = false
  /// It is in the pool's list of lanes in which calls have waited.
  var isListed = false
  /// Its own thread; nil until the first call needs it.
  var thread: PoolThread?
  /// Its own thread has nothing to do.
  var isThreadIdle = false
  /// Its own thread is to end once nothing waits.
  var isClosed = false

  public init(name: String) { self.name = name }

  /// Whether its own thread runs the next call.
  var isOnOwnThread: Bool { usesOwnThread.load(ordering: .relaxed) }
}

/// Whose call runs or waits on a thread. The texts live as long as the generation of the route.
struct WorkOwner {
  let plugin: UnsafeRawBufferPointer
  let route: UnsafeBufferPointer<UInt8>
  let scope: UInt64
}

/// What a lane did at one moment. Copies.
public struct SerialLaneReport: Sendable, Equatable {
  /// A call that has begun.
  public struct Call: Sendable, Equatable {
    /// "libfoo.so/1".
    public let plugin: String
    public let route: String
    public let scope: UInt64
    /// For so many nanoseconds it has run.
    public let age: Int64
    /// The system's number of the thread that runs it; nil if that has not begun.
    public let thread: Int32?
  }

  /// The library.
  public let name: String
  /// nil if no call runs.
  public let running: Call?
  /// So many calls wait for their turn.
  public let waiting: Int
}
