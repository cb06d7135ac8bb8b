internal import AmbitCore
internal import AmbitSystem
internal import Logging

/// What the threads of the pool do at one moment: a copy.
public struct PoolReport: Codable, Sendable, Equatable {
  /// Threads that do the same for the same handler or job.
  public struct Holder: Codable, Sendable, Equatable {
    /// Plugin and generation, "hello/3".
    public let plugin: String
    /// What the scope serves: `Scope.label`; empty outside of requests.
    public let label: String
    /// The name of the job; empty for a handler, and for a job without a name.
    public let job: String
    /// The threads run the handler of a request.
    public let isHandler: Bool
    /// What the threads do: "waits for body", "in read", "running".
    public let state: String
    /// How many threads they are.
    public internal(set) var threads: Int
    /// How long the first of them has run, in nanoseconds.
    public internal(set) var age: Int64
  }

  /// How many threads may run handlers and jobs.
  public let limit: Int
  /// How many threads do.
  public let inUse: Int
  /// How many have done at the same time, at most.
  public let mostInUse: Int
  /// How many handlers and jobs wait for a thread.
  public let waiting: Int
  /// Who has the threads, the most threads first.
  public let holders: [Holder]

  init(_ snapshot: PoolSnapshot) {
    limit = snapshot.limits.threads
    inUse = snapshot.running.count
    mostInUse = snapshot.mostRunning
    waiting = snapshot.waiting
    var holders: [Holder] = []
    for running in snapshot.running {
      let holder = Holder(running)
      if let index = holders.firstIndex(where: { $0.isLike(holder) }) {
        holders[index].threads += 1
        holders[index].age = max(holders[index].age, holder.age)
      } else {
        holders.append(holder)
      }
    }
    self.holders = holders.sorted { $0.threads > $1.threads }
  }
}

extension PoolReport.Holder {
  fileprivate init(_ running: PoolSnapshot.Running) {
    plugin = running.plugin
    label = running.label
    job = running.job
    isHandler = running.isHandler
    if let wait = JobPointer(bitPattern: running.subject)?.waitSeenFromElsewhere {
      state = "waits for \(wait.rawValue)"
    } else {
      state = running.thread.map { ThreadState(ofThread: $0).text } ?? "starting"
    }
    threads = 1
    age = running.age
  }

  fileprivate func isLike(_ other: Self) -> Bool {
    plugin == other.plugin && label == other.label && job == other.job && isHandler == other.isHandler
      && state == other.state
  }

  /// As a sentence names it: "handler PUT /files/{name} of plugin links/1", "job tidy of plugin links/1".
  public var work: String {
    if isHandler { return "handler \(label) of plugin \(plugin)" }
    return (job.isEmpty ? "a job" : "job \(job)") + " of plugin \(plugin)" + (label.isEmpty ? "" : " (\(label))")
  }
}

extension ThreadState {
  fileprivate var text: String {
    switch self {
    case .running: "running"
    case .inCall(let name, _, _, _): "in \(name)"
    case .waiting: "waiting in the kernel"
    case .gone, .unknown: "unknown"
    }
  }
}

extension JobPointer {
  /// What the job, for which a pool thread works, waits for in a call; nil if the thread runs the plugin's code. The
  /// loop goes on meanwhile, so bytes are read, which have a value whatever the record holds by now.
  fileprivate var waitSeenFromElsewhere: WaitKind? {
    let states = [JobState.suspended, .blocked].map { unsafeBitCast($0, to: UInt8.self) }
    guard let state = byte(at: \.state), states.contains(state), let kind = byte(at: \.waitKind) else { return nil }
    return WaitKind.allCases.first { $0 != .thread && unsafeBitCast($0, to: UInt8.self) == kind }
  }

  private func byte(at field: PartialKeyPath<Job>) -> UInt8? {
    let place = UnsafeMutableRawPointer(self) + MemoryLayout<Job>.offset(of: field)!
    return place.assumingMemoryBound(to: UInt8.self).observed(\.self)
  }
}

/// Reports that jobs wait for a thread of the pool in vain, and who has the threads.
enum PoolWatch {
  /// The most groups of threads that a line names.
  private static var mostNamed: Int { 6 }

  static func look(at pool: ThreadPool, _ logger: Logger) {
    switch pool.starvationNews(at: Clock.monotonic) {
    case nil: break
    case .begun(let time): report(PoolReport(pool.snapshot), after: time / 1_000_000, logger)
    case .ended(let time):
      let milliseconds = time / 1_000_000
      logger.notice(
        "no request or job waits for a thread of the pool any more, after \(milliseconds) ms",
        metadata: ["ms": "\(milliseconds)"])
    }
    for news in pool.shareNews(at: Clock.monotonic) { report(news, logger) }
  }

  /// The same for the threads that one plugin may use.
  private static func report(_ news: ThreadShareNews, _ logger: Logger) {
    if news.hasBegun { news.owner.reportBegin(limit: news.limit) }
    let plugin = "plugin \(news.owner.label)"
    let fields: Logger.Metadata = [LogField.plugin: "\(news.owner.label)", "waiting": "\(news.waiting)"]
    switch news.starvation {
    case nil: break
    case .begun(let time):
      logger.warning(
        """
        \(plugin) has reached its limit of \(news.owner.text(news.limit)): none has become free for \
        \(time / 1_000_000) ms, and \(waiting(news.waiting)) for one; to raise it, set \(news.owner.key)
        """, metadata: fields.merging([LogField.fault: "plugin"]) { $1 })
    case .ended(let time):
      logger.notice(
        "no request or job of \(plugin) waits for a thread any more, after \(time / 1_000_000) ms", metadata: fields)
    }
    if let end = news.end { news.owner.report(end, limit: news.limit) }
  }

  /// "2 requests or jobs wait".
  private static func waiting(_ count: Int) -> String {
    count == 1 ? "1 request or job waits" : "\(count) requests or jobs wait"
  }

  private static func report(_ report: PoolReport, after milliseconds: Int64, _ logger: Logger) {
    var fields: Logger.Metadata = [
      "ms": "\(milliseconds)", "threads": "\(report.inUse)", "waiting": "\(report.waiting)",
    ]
    if let first = report.holders.first {
      fields[LogField.plugin] = "\(first.plugin)"
      if !first.label.isEmpty { fields[LogField.label] = "\(first.label)" }
    }
    var named = report.holders.prefix(mostNamed).map { holder in
      "\(holder.threads) by \(holder.work) (\(holder.state), for up to \(holder.age / 1_000_000) ms)"
    }
    let others = report.holders.dropFirst(mostNamed).reduce(0) { $0 + $1.threads }
    if others > 0 { named.append("\(others) by others") }
    let waitsForBody = report.holders.contains { $0.isHandler && $0.state == "waits for \(WaitKind.body)" }
    let advice = waitsForBody ? "; with buffer_body, slow bodies hold no thread" : ""
    logger.warning(
      """
      no thread of the pool has become free for \(milliseconds) ms, and \(waiting(report.waiting)) for one; \
      \(report.inUse) of \(report.limit) threads are in use: \(named.joined(separator: ", "))\(advice)
      """, metadata: fields)
  }
}

extension PoolReport {
  /// The sum of the pools of different processes.
  public init(merging reports: [PoolReport]) {
    limit = reports.reduce(0) { $0 &+ $1.limit }
    inUse = reports.reduce(0) { $0 &+ $1.inUse }
    mostInUse = reports.reduce(0) { $0 &+ $1.mostInUse }
    waiting = reports.reduce(0) { $0 &+ $1.waiting }
    holders = reports.flatMap(\.holders).sorted { $0.threads > $1.threads }
  }
}
