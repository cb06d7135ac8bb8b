internal import AmbitCore
internal import AmbitSystem

/// Why a pool of threads has refused work, which has not run and will not run. The host is short of threads; no plugin
/// is at fault, unless it says so.
public enum PoolError: Error, Equatable {
  /// So much work waits for a thread already: `pool_queue`.
  case full(queue: Int)
  /// So many calls wait already for their turn in the lane of the library: `pool_queue`.
  case laneFull(library: String, queue: Int)
  /// The plugin uses all the threads that it may use, and so much of its work waits for one of them already:
  /// `pool_queue`.
  case pluginFull(FullPlugin)
  /// The pool has no thread, and the system gives none.
  case noThread

  /// A plugin that has reached its limit of threads.
  public struct FullPlugin: Sendable, Equatable {
    let plugin: String
    let threads: Int
    let queue: Int
  }
}

extension PoolError {
  /// The plugin's own limit is reached, not the pool's.
  public var isOfPlugin: Bool { if case .pluginFull = self { true } else { false } }
}

extension PoolError: CustomStringConvertible {
  /// "pool_queue (1024) is full".
  public var description: String {
    switch self {
    case .full(let queue): "pool_queue (\(queue)) is full"
    case .laneFull(let library, let queue): "pool_queue (\(queue)) of library \(library) is full"
    case .pluginFull(let full):
      "plugin \(full.plugin) has reached its limit of \(full.threads.pluralized("thread")) of the pool, and "
        + "pool_queue (\(full.queue)) of it is full"
    case .noThread: "the system gives no thread"
    }
  }

  /// Where the operator sees why, as the middle of a log line.
  var advice: String {
    switch self {
    case .full: "; ambit status shows what has the threads"
    case .laneFull: "; ambit status shows the call that the others wait for"
    case .pluginFull, .noThread: ""
    }
  }
}

extension ThreadPool {
  /// The end of a line about refused work, which may be logged now; nil if the line is left out.
  func noteOfRefusal(in lane: SerialLane?) -> String? {
    let now = Clock.monotonic
    return withLock { lane.map { $0.refusalLimit.note(at: now) } ?? refusalLimit.note(at: now) }
  }
}
