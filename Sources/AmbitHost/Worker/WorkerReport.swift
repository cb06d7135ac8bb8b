internal import AmbitCore
internal import AmbitHTTP
internal import AmbitPlugins
internal import AmbitRuntime

/// The state of a worker at one moment. Plugin code may have damaged the worker's memory, so no value that another
/// process sends makes arithmetic here trap.
struct WorkerReport: Codable, Sendable {
  /// The loops that answered in time, by index.
  let loops: [ServerReport]
  /// Not negative, and not so large that the indices would exhaust the memory.
  private let loopTotal: UInt16
  /// How often a loop was blocked for `stall_warning`, since the start of the worker.
  let stalls: Int
  /// Scopes that plugins hold references to and that have not closed.
  let references: Int
  /// The threads for blocking handlers and jobs.
  let pool: PoolReport
  let generations: [GenerationStatus]

  init(
    loops: [ServerReport], loopCount: Int, stalls: Int, references: Int, pool: PoolReport,
    generations: [GenerationStatus]
  ) {
    (self.loops, loopTotal, self.stalls, self.references) = (loops, UInt16(clamping: loopCount), stalls, references)
    (self.pool, self.generations) = (pool, generations)
  }

  var loopCount: Int { Int(loopTotal) }
  var requests: Int { loops.reduce(0) { $0 &+ $1.loop.requests } }
  var stuckJobs: Int { loops.reduce(0) { $0 &+ $1.loop.stuckJobs } }
  var connections: Int { loops.reduce(0) { $0 &+ $1.connections } }

  /// Generations of which nothing runs and whose library stays in memory.
  var residents: [GenerationStatus] { generations.filter { $0.state == .resident } }

  /// The indices of loops that were blocked when they were asked.
  var blockedLoops: [Int] {
    let answered = Set(loops.map(\.loop.loop))
    return (0..<loopCount).filter { !answered.contains($0) }
  }
}

/// One generation of a plugin, as the operator sees it.
struct GenerationStatus: Codable, Sendable, Equatable {
  enum State: String, Codable, Sendable {
    /// Its routes are served.
    case serving
    /// It takes no more requests, and finishes those that it has begun.
    case retiring
    /// Nothing of it runs, and its library stays in memory.
    case resident
  }

  /// "hello/3".
  let label: String
  let plugin: String
  /// The plugin's version; empty if it does not say.
  let version: String
  /// The linker's build ID in hexadecimal; nil if it gave none.
  let buildID: String?
  /// SHA-256 of the file, in hexadecimal; nil for a library that is used in place.
  let hash: String?
  /// The operator's file that it was loaded from.
  let file: String
  let state: State
  /// When the state began: nanoseconds since 1970.
  private(set) var since: Int64
  /// The patterns of its routes, any prefix included.
  let routes: [String]
  /// The routes that call C functions, and where those run.
  let functions: [FunctionRoute]
  /// The state of each lane on which its routes call functions one at a time.
  private(set) var lanes: [SerialLaneReport]
  /// Requests in flight.
  private(set) var requests: Int
  /// Jobs in flight, of requests and of the plugin itself.
  private(set) var jobs: Int
  /// What keeps a retiring generation from ending, a few words each, at most a few dozen.
  private(set) var holders: [String]
  /// What it uses of what its plugin's limits allow.
  private(set) var use: GenerationUseReport
  /// Why its library stays in memory after its end; nil if it can be unloaded.
  let residentReason: String?
  /// Why its file is refused if it is the last good copy of the file; else empty.
  let lastGoodBecause: [String]
  /// Resident bytes of the mappings of its library.
  private(set) var memory: Int
}

extension GenerationStatus {
  /// The status of each generation whose library is in memory, in the same order. Asks each loop. A loop that is
  /// blocked for `timeout` nanoseconds is left out of the counts.
  static func all(
    of generations: [PluginGeneration], on loops: LoopGroup, timeout: Int64
  ) -> [GenerationStatus] {
    let memory = ResidentMemory.byFile()
    let loads = PluginGeneration.loads(of: generations, on: loops, within: timeout)
    return zip(generations, loads).compactMap { GenerationStatus($0, $1, memory: memory) }
  }

  /// nil if its library is unmapped.
  private init?(_ generation: PluginGeneration, _ load: GenerationLoad, memory: [String: Int]) {
    let (phase, since) = generation.phase
    var residentReason = generation.plugin.unloadObstacle
    switch phase {
    case .serving: state = .serving
    case .retiring: state = .retiring
    case .resident(let reason):
      state = .resident
      residentReason = reason
    case .unloaded: return nil
    }
    let copy = generation.plugin.copy
    label = generation.label
    plugin = generation.plugin.declaration.name
    version = generation.plugin.declaration.version
    buildID = copy.buildID
    hash = copy.hash?.description
    file = generation.file.path
    self.since = since
    routes = generation.routes.map(\.pattern.description)
    functions = generation.functionRoutes
    lanes = generation.laneReports
    requests = load.requests
    jobs = load.jobs
    use = generation.use
    holders = state == .retiring ? load.holders : []
    self.residentReason = residentReason
    lastGoodBecause = state == .serving ? generation.lastGoodBecause : []
    self.memory = memory[generation.plugin.path] ?? 0
  }
}

// Several workers, as if they were one.

extension WorkerReport {
  /// The sum of reports of different workers.
  init(merging reports: [WorkerReport]) {
    self.init(
      loops: reports.flatMap(\.loops), loopCount: reports.reduce(0) { $0 &+ $1.loopCount },
      stalls: reports.reduce(0) { $0 &+ $1.stalls }, references: reports.reduce(0) { $0 &+ $1.references },
      pool: PoolReport(merging: reports.map(\.pool)), generations: GenerationStatus.merged(reports.map(\.generations)))
  }
}

extension GenerationStatus {
  /// Each generation once, in the order of the first list that has it.
  fileprivate static func merged(_ lists: [[GenerationStatus]]) -> [GenerationStatus] {
    guard lists.count > 1 else { return lists.first ?? [] }
    var merged: [GenerationStatus] = []
    for status in lists.joined() {
      if let index = merged.firstIndex(where: { $0.label == status.label && $0.state == status.state }) {
        merged[index].add(status)
      } else {
        merged.append(status)
      }
    }
    return merged
  }

  /// Adds what the same generation does in another worker.
  private mutating func add(_ other: GenerationStatus) {
    since = max(since, other.since)
    lanes += other.lanes
    requests &+= other.requests
    jobs &+= other.jobs
    holders += other.holders
    use = use + other.use
    memory &+= other.memory
  }
}
