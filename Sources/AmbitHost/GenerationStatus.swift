internal import AmbitCore
internal import AmbitPlugins
internal import AmbitRuntime

/// One generation of a plugin, as its operator sees it.
package struct GenerationStatus: Sendable, Equatable {
  package enum State: String, Sendable {
    /// Its routes are served.
    case serving
    /// It takes no more requests; what it has begun goes on.
    case retiring
    /// Nothing of it runs any more; its library stays in memory.
    case resident
  }

  package let plugin: String
  package let generation: UInt64
  /// The plugin's own; empty if it does not say.
  package let version: String
  /// The linker's, in hexadecimal; nil if it gave none.
  package let buildID: String?
  /// SHA-256 of the file, in hexadecimal; empty for a library that is no plugin.
  package let hash: String
  /// The operator's file that it was loaded from.
  package let file: String
  package let state: State
  /// When the state began: nanoseconds since 1970.
  package let since: Int64
  /// The patterns of its routes, any prefix included.
  package let routes: [String]
  /// Requests in flight.
  package let requests: Int
  /// Jobs in flight, of requests and of the plugin itself.
  package let jobs: Int
  /// What keeps a retiring generation, a few words each; not more than a few dozen.
  package let holders: [String]
  /// Why its library stays when the generation has ended; nil if it can be unloaded.
  package let residentReason: String?
  /// Resident bytes of its library's mappings.
  package let memory: Int
}

extension Host {
  /// All generations whose library is in memory, those that serve first, by name. Asks each loop, and waits for it.
  package func generations() -> [GenerationStatus] {
    let memory = ResidentMemory.byFile()
    let serving = serving.values.sorted { $0.label < $1.label }
    return (serving + retired).compactMap { GenerationStatus($0, memory: memory) }
  }
}

extension GenerationStatus {
  /// Nil once its library is unmapped.
  fileprivate init?(_ generation: PluginGeneration, memory: [String: Int]) {
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
    let load = generation.load
    let copy = generation.plugin.copy
    plugin = generation.plugin.declaration.name
    self.generation = copy.generation
    version = generation.plugin.declaration.version
    buildID = copy.facts?.buildID
    hash = copy.hash?.description ?? ""
    file = copy.file.path
    self.since = since
    routes = generation.routes.map(\.pattern.description)
    requests = load.requests
    jobs = load.jobs
    holders = state == .retiring ? load.holders : []
    self.residentReason = residentReason
    self.memory = memory[copy.path] ?? 0
  }
}
