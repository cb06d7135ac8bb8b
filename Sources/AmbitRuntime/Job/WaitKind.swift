/// What a job waits for. Logs, dumps and the admin API show the raw value as `waits_for`.
public enum WaitKind: String, Sendable {
  case sleep
  /// Its next tick, as a ticker.
  case tick
  case event
  /// Room in a channel.
  case send
  /// A message in a channel.
  case receive
  case descriptor
  case join
  /// The end of all other jobs of a scope, or of a request whose handler has returned.
  case joinAll = "join_all"
  /// A child scope to be closed.
  case close
  /// A function that runs on a pool thread.
  case thread
  /// More of a request's body.
  case body
  /// The peer to take more of what the job sends.
  case write
  /// Its next turn, behind jobs that are ready.
  case yield
  /// The end of a pause: the job retries a cancelled wait, and the host slows it down.
  case throttled
}

extension JobState {
  /// The name that logs, dumps and the admin API show as `state`.
  var text: String {
    switch self {
    case .created: "new"
    case .ready: "ready"
    case .running: "running"
    case .suspended: "waiting"
    case .blocked: "blocked"
    case .onThread: "thread"
    case .ended, .forgotten: "ended"
    }
  }
}
