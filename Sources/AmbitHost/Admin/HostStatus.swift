internal import AmbitCore
internal import AmbitHTTP
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem

/// What the host is and does at one moment.
struct HostStatus: Sendable {
  let content: HostState.Content
  let began: Int64
  let now: Int64
  let configuration: String?
  /// Clients that wait for a reload which has not begun.
  let waitingForReload: Int
  let loopCount: Int
  /// How often a loop has not turned for `stall_warning`, since the start.
  let stalls: Int
  /// Scopes that are referred to and have not closed.
  let references: Int
  /// Of the loops that turned in time.
  let loops: [ServerReport]
  let generations: [GenerationStatus]

  /// Asks each loop for its numbers, for at most `patience` nanoseconds: one that does not turn, since something on it
  /// computes or blocks, is left out. Blocks; not from a loop.
  init(
    state: HostState, reloads: ReloadQueue, configuration: String?, loops group: LoopGroup, server: HTTPServer,
    patience: Int64 = 1_000_000_000
  ) {
    loops = server.reports(within: patience)
    loopCount = group.loops.count
    stalls = group.stallCount
    references = References.count
    waitingForReload = reloads.waitingCount
    content = state.current
    generations = GenerationStatus.all(of: content.generations, on: group, patience: patience)
    began = state.began
    now = Clock.wall
    self.configuration = configuration
  }

  var requests: Int { loops.reduce(0) { $0 + $1.loop.requests } }
  var stuckJobs: Int { loops.reduce(0) { $0 + $1.loop.stuckJobs } }
  var connections: Int { loops.reduce(0) { $0 + $1.connections } }

  var residents: [GenerationStatus] { generations.filter { $0.state == .resident } }

  /// Loops that did not answer.
  var silentLoops: [Int] {
    let answered = Set(loops.map(\.loop.loop))
    return (0..<loopCount).filter { !answered.contains($0) }
  }
}
