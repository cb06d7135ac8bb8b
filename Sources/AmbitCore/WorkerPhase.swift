/// What a worker process does, as the supervisor sees it. The status shows the raw value.
public enum WorkerPhase: String, Sendable, CaseIterable {
  /// It runs and does not accept connections yet.
  case starting
  /// It accepts connections.
  case serving
  /// It was told to end, or its successor serves: it finishes its requests and accepts no connections.
  case draining
  /// Its time to drain is over: it cancels what still runs, and is killed if that takes too long.
  case stopping
  /// Its process is gone or useless, and the next one waits for its delay: see `RestartPolicy`.
  case crashed

  /// Whether the supervisor has ordered the worker to end, so that an exit with status 0 is no crash.
  public var isToldToEnd: Bool { self == .draining || self == .stopping }
}
