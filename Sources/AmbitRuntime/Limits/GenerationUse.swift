public import AmbitCore

/// What one generation of a plugin uses of all that `PluginLimits` limits, on all loops of the worker together.
///
/// Each generation counts for itself: during a reload the old one finishes what it has begun, and the new one starts,
/// and neither takes room from the other. Its functions may be called from any thread.
public final class GenerationUse: Sendable {
  /// The plugin's name, as in `[plugin.NAME.limits]`.
  public let plugin: String
  let requests: UseLimit
  let jobs: UseLimit
  let memory: UseLimit
  /// The threads of the pool.
  let threads: ThreadShare
  private let record: UseRecord

  /// - Parameters:
  ///   - label: plugin and generation, "hello/3".
  ///   - count: how many loops there are.
  ///   - watch: logs when refusals are over; nil: nobody does.
  public init(
    of plugin: String, label: String, limits: PluginLimits, loops count: Int, watch: LimitWatch? = nil
  ) {
    let record = UseRecord(loops: count)
    func limit(_ resource: LimitedResource, _ limit: Int, _ index: Int) -> UseLimit {
      let owner = LimitOwner(plugin: plugin, label: label, resource: resource)
      return UseLimit(owner, limit, record, count: index, watch: watch)
    }
    (self.plugin, self.record) = (plugin, record)
    requests = limit(.requests, limits.requests, 0)
    jobs = limit(.jobs, limits.jobs, 1)
    memory = limit(.alloc, limits.alloc, 2)
    threads = ThreadShare(LimitOwner(plugin: plugin, label: label, resource: .threads), limits.threads)
  }

  /// The counts of a loop.
  public func use(onLoop index: Int) -> LoopUse { record.loops[index] }

  /// All but the threads, which the pool has to know of: see `LoopGroup.limit`.
  func set(_ limits: PluginLimits) {
    requests.set(limits.requests)
    jobs.set(limits.jobs)
    memory.set(limits.alloc)
  }

  /// Why a request is refused: "plugin hello has reached its limit of 100 requests in flight".
  public var refusalOfRequest: String { requests.refusal }
}

/// The use of each limited resource by one generation at one moment: a copy.
public struct GenerationUseReport: Codable, Sendable, Equatable {
  public internal(set) var requests: LimitReport
  public internal(set) var jobs: LimitReport
  public internal(set) var threads: LimitReport
  public internal(set) var alloc: LimitReport

  /// The same in different workers, together.
  public static func + (one: GenerationUseReport, other: GenerationUseReport) -> GenerationUseReport {
    GenerationUseReport(
      requests: one.requests + other.requests, jobs: one.jobs + other.jobs, threads: one.threads + other.threads,
      alloc: one.alloc + other.alloc)
  }
}

/// Owns the memory of the counts of one generation. The counts of each loop have cache lines to themselves.
final class UseRecord: Sendable {
  let loops: [LoopUse]

  /// The counts are not initialised.
  init(loops count: Int) {
    let size = (MemoryLayout<LoopUse.Count>.stride * LoopUse.countOfRecord + 127) & ~127
    loops = (0..<count).map { _ in
      let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 128)
      return LoopUse(counts: memory.bindMemory(to: LoopUse.Count.self, capacity: LoopUse.countOfRecord))
    }
  }

  deinit {
    for loop in loops { UnsafeMutableRawPointer(loop.counts).deallocate() }
  }
}
