internal import AmbitSystem

/// The end of a worker that the supervisor did not order: what has happened, and who is to blame.
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
    /// The identifier of the request; nil outside a request.
    let request: String?
    /// The name of the job; nil if it has none.
    let job: String?
    /// The kind of work, "handler".
    let work: String
    /// The name of the thread, "loop 0".
    let thread: String
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
  /// What has happened, as the predicate of a sentence about the worker, "was killed by SIGKILL"; nil if that was said
  /// before.
  let predicate: String?
}

extension Death {
  /// - Parameters:
  ///   - end: how the process has ended.
  ///   - reason: why the supervisor has ended it, as a predicate; nil if it has not.
  init(of worker: WorkerProcess, _ end: ProcessEnd, because reason: String? = nil) {
    let (cause, predicate) =
      switch end {
      case .exited(let status): ("exit(\(status))", "\(end.text) (exit or _exit)")
      case .signalled(let number): (ProcessEnd.name(ofSignal: number), end.text)
      }
    self.init(
      cause: reason ?? cause, culprit: nil, running: [], worker: worker.index, pid: worker.pid, at: Clock.wall,
      predicate: reason == nil ? predicate : nil)
  }
}
