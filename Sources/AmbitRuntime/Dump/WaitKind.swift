/// What a job waits for, by the name that the log gives it.
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
  case joinAll = "join_all"
  /// The end of all jobs of a request whose handler has returned.
  case idle
  /// A child scope to be closed.
  case close
  /// What runs on a thread of the pool.
  case thread
  /// More of a request's body.
  case body
  /// A client that takes more of a response.
  case room
  /// The others to have a turn.
  case turn
  /// The end of the time for which a job is held up that retries a cancelled wait.
  case delay
}
