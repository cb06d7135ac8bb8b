internal import AmbitSystem
public import Synchronization

/// Runs calls one at a time, first come, first served: the calls of one library's functions, which may keep state in
/// variables that all calls share.
///
/// A call that waits for its turn occupies no thread. Cancelling it removes it from the queue. A lane belongs to one
/// thread pool: the first that gets a call of it.
public final class SerialLane: @unchecked Sendable {
  /// The library, as messages name it.
  public let name: String
  /// All calls run on the same thread, instead of any thread of the pool. A change takes effect from the next call on.
  /// From any thread.
  public let usesOwnThread = Atomic<Bool>(false)

  // The properties below are guarded by the lock of the pool.

  /// The call whose turn it is: a thread runs it, or it waits for a thread of the pool.
  var running: PoolWork?
  var waiting = WorkQueue()
  /// When a thread began the running call, in monotonic nanoseconds; nil while it waits for a thread.
  var since: Int64?
  /// When the running call is reported (next) if it has not returned: monotonic nanoseconds.
  var reportDue = Int64.max
  /// The running call has been reported.
  var isReported = false
  /// The lane is in the pool's list of contended lanes.
  var isListed = false
  /// The lane's own thread; nil until a call needs it.
  var thread: PoolThread?
  /// The lane's own thread has no work.
  var isThreadIdle = false
  /// The lane's own thread ends when no call waits.
  var isClosed = false
  /// Limits the lines about calls that the lane has refused.
  var refusalLimit = LogRateLimit()

  public init(name: String) { self.name = name }

  /// Whether the lane's own thread runs the next call.
  var isOnOwnThread: Bool { usesOwnThread.load(ordering: .relaxed) }
}

/// The plugin, label and scope, a request's, that work belongs to. The texts live as long as the generation.
struct WorkOwner {
  let plugin: UnsafeRawBufferPointer
  let label: UnsafeBufferPointer<UInt8>
  let scope: UInt64
  /// The work is the handler or function of a request.
  let isHandler: Bool
  /// The name of the job; empty if it has none.
  let job: String
}

/// What a lane does at one moment: a copy.
public struct SerialLaneReport: Codable, Sendable, Equatable {
  /// A call that has begun.
  public struct Call: Codable, Sendable, Equatable {
    /// Plugin and generation, as in "libfoo.so/1".
    public let plugin: String
    public let label: String
    public let request: RequestID
    /// How long it has run, in nanoseconds.
    public let age: Int64
    /// The kernel's number of its thread; nil if the thread has not begun.
    public let thread: Int32?
  }

  /// The library.
  public let name: String
  /// Nil if no call runs.
  public let running: Call?
  /// How many calls wait for their turn.
  public let waiting: Int
}
