internal import AmbitCore
internal import AmbitHTTP
internal import AmbitPlugins
internal import AmbitRuntime

/// The state of a worker at one moment.
struct WorkerReport: Sendable {
  /// Of the loops that turned in time, by index.
  let loops: [ServerReport]
  let loopCount: Int
  /// How often a loop was blocked for `stall_warning`, since the start.
  let stalls: Int
  /// Scopes that plugins hold references to and that have not closed.
  let references: Int
  let generations: [GenerationStatus]

  var requests: Int { loops.reduce(0) { $0 + $1.loop.requests } }
  var stuckJobs: Int { loops.reduce(0) { $0 + $1.loop.stuckJobs } }
  var connections: Int { loops.reduce(0) { $0 + $1.connections } }

  /// Generations of which nothing runs and whose library stays in memory.
  var residents: [GenerationStatus] { generations.filter { $0.state == .resident } }

  /// The indices of loops that did not turn in time.
  var blockedLoops: [Int] {
    let answered = Set(loops.map(\.loop.loop))
    return (0..<loopCount).filter { !answered.contains($0) }
  }
}

/// One generation of a plugin, as its operator sees it.
struct GenerationStatus: Sendable, Equatable {
  enum State: String, Sendable {
    /// Its routes are served.
    case serving
    /// It takes no more requests; what it has begun goes on.
    case retiring
    /// Nothing of it runs any more; its library stays in memory.
    case resident
  }

  /// "hello/3", as the log has it.
  let label: String
  let plugin: String
  /// The plugin's own; empty if it does not say.
  let version: String
  /// The linker's, in hexadecimal; nil if it gave none.
  let buildID: String?
  /// SHA-256 of the file, in hexadecimal; nil for a library that is used in place.
  let hash: String?
  /// The operator's file that it was loaded from.
  let file: String
  let state: State
  /// When the state began: nanoseconds since 1970.
  let since: Int64
  /// The patterns of its routes, any prefix included.
  let routes: [String]
  /// Those of them that call C functions, and where these run.
  let functions: [FunctionRoute]
  /// What calls that run one at a time do, for each library whose functions it calls so.
  let lanes: [SerialLaneReport]
  /// Requests in flight.
  let requests: Int
  /// Jobs in flight, of requests and of the plugin itself.
  let jobs: Int
  /// What keeps a retiring generation, a few words each; not more than a few dozen.
  let holders: [String]
  /// Why its library stays when the generation has ended; nil if it can be unloaded.
  let residentReason: String?
  /// Why its file is refused, if it is the file's last good copy; else empty.
  let lastGoodBecause: [String]
  /// Resident bytes of its library's mappings.
  let memory: Int
}

extension GenerationStatus {
  /// Those of `generations` whose library is in memory, in the same order. Asks each loop; a loop that does not turn within
  /// `timeout` nanoseconds is left out of the counts.
  static func all(
    of generations: [PluginGeneration], on loops: LoopGroup, timeout: Int64
  ) -> [GenerationStatus] {
    let memory = ResidentMemory.byFile()
    let loads = PluginGeneration.loads(of: generations, on: loops, within: timeout)
    return zip(generations, loads).compactMap { GenerationStatus($0, $1, memory: memory) }
  }

  /// Nil once its library is unmapped.
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
    holders = state == .retiring ? load.holders : []
    self.residentReason = residentReason
    lastGoodBecause = state == .serving ? generation.lastGoodBecause : []
    self.memory = memory[generation.plugin.path] ?? 0
  }
}
