internal import AmbitRuntime
internal import AmbitSystem

/// The end of a worker that the supervisor did not order, or a hang of one of its event loops: what has happened, and
/// who is to blame.
struct Death: Sendable {
  /// Whose code has ended the worker.
  struct Culprit: Equatable, Sendable {
    /// The name of the plugin or library, as the repository has it.
    let plugin: String
    let generation: Int
  }

  /// What a thread of the worker ran at its end.
  struct RunningWork: Equatable, Sendable {
    /// The name of the plugin and the number of its generation, "hello/3".
    let plugin: String
    /// The route, "GET /hello"; nil outside a request.
    let route: String?
    /// The number of the scope; nil outside of all scopes.
    let scope: UInt64?
    /// The identifier of the request; nil outside a request, and for a scope below that of the request.
    let request: String?
    /// The name of the job; nil if it has none, or if that is not known.
    let job: String?
    /// The kind of work, "handler".
    let work: String
    /// The name of the thread, "loop 0".
    let thread: String
  }

  /// "died", or what else it does.
  var verb: String {
    if isAlive { return wasDraining ? "hangs while it drains" : "hangs" }
    return wasDraining ? "died while it drained" : "died"
  }
  /// What has happened: "SIGSEGV at 0x0 in boom+0x4 (crashy.1.3f9c.so)", "exit(3)", "SIGKILL".
  let cause: String
  /// Nil if nobody is to blame.
  let culprit: Culprit?
  /// What the threads of the worker ran.
  let running: [RunningWork]
  /// The place of the worker, from 1.
  let worker: Int
  let pid: Int32
  /// When the worker ended: nanoseconds since 1970.
  let at: Int64
  /// The label of the culprit, "crashy/1".
  var culpritLabel: String?
  /// What the worker has noted about its end; nil if it could not.
  var record: FlightRecord.End?
  /// The worker did not serve any more.
  var wasDraining = false
  /// An event loop of the worker hangs, and others turn.
  var isAlive = false
}

extension Death {
  /// The death of a worker, from its status and from what it has noted. Reads the worker's flight recorder.
  /// - Parameters:
  ///   - end: how the process has ended.
  ///   - reason: why the supervisor has ended it, as a predicate; nil if it has not.
  init(of worker: WorkerProcess, _ end: ProcessEnd, because reason: String? = nil) {
    let known = worker.labels
    let noted = worker.recorder?.read(loops: worker.settings.loops)
    let running = (noted?.running ?? []).filter { known[$0.plugin] != nil }
    let record = reason == nil ? noted?.end.flatMap { $0.kind.isLike(end) ? $0 : nil } : nil
    // Without a record nobody is blamed: a thread that a plugin has made may have ended the process, and has no mark.
    let label = record.flatMap { Self.label(in: $0, known) }
    let culprit = label.flatMap { known[$0] }.map { Culprit(plugin: $0.name, generation: $0.generation) }
    self.init(
      cause: reason.map { "it \($0)" } ?? record?.message ?? Self.cause(end), culprit: culprit,
      running: running.map(RunningWork.init), worker: worker.index, pid: worker.pid, at: Clock.wall,
      culpritLabel: culprit == nil ? nil : label, record: record)
  }

  /// Whom a worker's note about its end blames. A thread that calls a function of a library for a route runs no plugin,
  /// and a wrong signature is the usual cause, wherever the fault is. Otherwise the nearest code of a plugin on the stack
  /// decides. If that of a library is nearer, which routes call, too, the plugin that has called it is to blame.
  /// - Parameter known: the generations of the worker, by their labels.
  static func label(in record: FlightRecord.End, _ known: [String: WorkerProcess.ToldGeneration]) -> String? {
    guard let work = known[record.plugin] else { return record.culprit }
    if work.isLibrary { return record.plugin }
    guard let label = record.culprit else { return nil }
    return known[label]?.isLibrary == true ? record.plugin : label
  }

  /// Event loops of a worker hang, which is blamed on what the first of them runs. Reads the worker's flight recorder.
  /// - Parameters:
  ///   - loops: what the worker says of them; nil if it does not answer.
  ///   - cause: what has happened, as a sentence.
  init(of worker: WorkerProcess, _ hang: Heartbeat.Hang, _ loops: [HungLoop]?, because cause: String) {
    let known = worker.labels
    let running = (worker.recorder?.read(loops: worker.settings.loops)?.running ?? [])
      .filter { known[$0.plugin] != nil }
    let first = hang.turns.first.map { "loop \($0.loop)" }
    let label = loops.map { $0.first?.plugin } ?? running.first { $0.thread == first }?.plugin
    let culprit = label.flatMap { known[$0] }.map { Culprit(plugin: $0.name, generation: $0.generation) }
    self.init(
      cause: cause, culprit: culprit, running: running.map(RunningWork.init), worker: worker.index, pid: worker.pid,
      at: Clock.wall, culpritLabel: culprit == nil ? nil : label, record: loops?.first?.record, isAlive: true)
  }

  private static func cause(_ end: ProcessEnd) -> String {
    switch end {
    case .exited(let status): "exit_group(\(status))"
    case .signalled(let number): ProcessEnd.name(ofSignal: number)
    }
  }
}

extension Death.RunningWork {
  fileprivate init(_ running: FlightRecord.Running) {
    self.init(
      plugin: running.plugin, route: running.label.isEmpty ? nil : running.label,
      scope: running.scope == 0 ? nil : running.scope, request: running.request, job: nil, work: running.work,
      thread: running.thread)
  }

  /// "handler GET /hello of plugin hello/3 on loop 0 (request 7f3a9c2e-17)".
  var phrase: String {
    let place = route.map { " \($0)" } ?? ""
    let detail = request.map { " (request \($0))" } ?? scope.map { " (scope \($0))" } ?? ""
    return "\(work)\(place) of plugin \(plugin) on \(thread)\(detail)"
  }
}

extension FlightRecord.End.Kind {
  /// Whether a process that has noted this has ended in this way. It may have gone on, and have ended later by another
  /// cause.
  fileprivate func isLike(_ end: ProcessEnd) -> Bool {
    switch self {
    case .signal(let number): end == .signalled(number)
    case .exit(let status), .host(let status): end == .exited(status & 0xff)
    case .hang: false
    }
  }
}
