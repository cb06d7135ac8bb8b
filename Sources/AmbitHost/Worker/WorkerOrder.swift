internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem

/// What a supervisor tells or asks a worker in another process. Each order has one answer, whose type the call of
/// `WorkerProcess` names.
enum WorkerOrder: Codable, Sendable {
  /// The first order. The answer is a `WorkerBegun`.
  case begin(WorkerBeginning)
  /// See `Worker.prepare`.
  case prepare([PlannedGeneration], within: Duration)
  /// See `Worker.giveUpStarts`. It has no answer.
  case giveUpStarts
  /// See `Worker.abort`.
  case abort([String])
  /// See `Worker.commit`.
  case commit(CommitOrder)
  /// See `Worker.retire`.
  case retire(drain: Duration)
  /// See `Worker.replaceLimits`. The limits are those of a configuration.
  case replaceLimits(ConfigurationText)
  /// See `Worker.refreshProcess`.
  case refreshProcess
  /// See `Worker.accept`. The message brings the descriptors of the sockets.
  case accept([ListeningSocket.Handover])
  /// See `Worker.stopAccepting`. The socket is named by its identifier.
  case stopAccepting(UInt64)
  /// See `Worker.dump`.
  case dump
  /// Ends the worker: see `WorkerService.leave`.
  case leave(Leaving)
  /// See `Worker.runOnceJobs`.
  case runOnceJobs
  /// See `Worker.endOnceJobs`.
  case endOnceJobs
  /// The supervisor has become another program, whose workers serve: see `Predecessors`. The last order. It has no answer.
  case newWorkersServe
  /// See `Worker.save`.
  case save(String, within: Duration)
  /// See `Worker.lookUp`.
  case lookUp([CallRoute], in: String, within: Duration)
  /// See `Worker.findLibrary`.
  case findLibrary(String, at: String, besides: String, within: Duration)
  /// See `Worker.loadedLibrary`.
  case loadedLibrary(String, file: String?, besides: String, within: Duration)
  /// See `Worker.isLoaderBusy`.
  case isLoaderBusy
  /// See `Worker.report`.
  case report(within: Int64)
  /// See `Worker.begunRequests`.
  case begunRequests(within: Int64)
  /// See `Worker.scopeTree`.
  case scopeTree
  /// See `Worker.blockedLoops`.
  case blockedLoops(within: Int64)
  /// See `Worker.turningLoops`.
  case turningLoops(within: Int64)
  /// See `Worker.abandon`.
  case abandon([HungTurn])
  /// See `Worker.mappedCopies`.
  case mappedCopies
  /// See `Worker.liveRequests`.
  case liveRequests(within: Int64)

  /// Whether a call of a plugin, or the loader, may keep the answer waiting.
  var waitsForPlugins: Bool {
    switch self {
    case .prepare, .save, .lookUp, .findLibrary, .loadedLibrary: true
    default: false
    }
  }

  /// Whether a worker answers it while another order is carried out, because a call of a plugin may take long.
  var isQuestion: Bool {
    switch self {
    case .isLoaderBusy, .dump, .report, .begunRequests, .scopeTree, .blockedLoops, .turningLoops, .mappedCopies,
      .abandon, .giveUpStarts, .liveRequests, .leave, .runOnceJobs, .endOnceJobs:
      true
    default: false
    }
  }
}

/// What a worker has to know before it can prepare anything.
struct WorkerBeginning: Codable, Sendable {
  /// Its place among the workers of the host, from 1.
  let index: Int
  /// How many workers the host has.
  let count: Int
  /// The number of its event loops. All workers have as many.
  let loops: Int
  /// Whether calls of plugins are checked.
  let isChecked: Bool
  /// Whether its log is JSON, as that of the host is. The configuration may say otherwise since the host's start.
  let writesJSON: Bool
  let configuration: ConfigurationText
  /// What it gives up before it loads plugins.
  let confinement: Confinement
  /// Its slot in the counts of connections, whose descriptor comes with the message; nil if it counts for itself.
  let countersSlot: Int?
  /// Whether the descriptor of a flight recorder comes with the message, behind that of the counts.
  let hasRecorder: Bool

  init(index: Int, settings: WorkerSettings, countersSlot: Int?, hasRecorder: Bool) {
    (self.index, count, loops, isChecked) = (index, settings.count, settings.loops, settings.isChecked)
    writesJSON = settings.writesJSON
    (configuration, confinement) = (settings.text, settings.confinement)
    (self.countersSlot, self.hasRecorder) = (countersSlot, hasRecorder)
  }
}

/// A worker has started its loops; or why it could not.
struct WorkerBegun: Codable, Sendable {
  var error: String?
}

/// How a worker ends that is told to.
struct Leaving: Codable, Sendable {
  /// How long running requests may continue.
  let drain: Duration
  /// How long what is cancelled then may take.
  let cancelGrace: Duration
  /// Why, for the log.
  let reason: Reason

  enum Reason: String, Codable, Sendable {
    /// The host stops.
    case shutdown
    /// Another worker has taken its place.
    case replaced
    /// The supervisor is gone.
    case orphaned
    /// The supervisor has become another program, whose workers serve.
    case succeeded
  }
}
