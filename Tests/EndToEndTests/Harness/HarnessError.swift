/// What stopped a test before it could check anything.
enum HarnessError: Error, CustomStringConvertible {
  /// A system call failed with this `errno`.
  case system(call: String, code: Int32)
  /// The host ended, or was ended by its time limit, before it logged what the test waits for.
  case logEnded(missing: Int, log: String)
  /// The host was killed by a signal before the test was done with it: it crashed, or hung until its time limit.
  case hostDied(signal: Int32, log: String)
  /// The peer closed the connection in the middle of something.
  case connectionEnded(while: String, received: String)
  /// The peer sent bytes that are no HTTP/1.1 response.
  case malformedResponse(String)
  /// A compiler or another command that the test needs failed.
  case commandFailed(String)

  var description: String {
    switch self {
    case .system(let call, let code): "\(call): errno \(code)"
    case .logEnded(let missing, let log): "the host ended with \(missing) awaited lines missing; its log:\n\(log)"
    case .hostDied(let signal, let log): "signal \(signal) killed the host; its log:\n\(log)"
    case .connectionEnded(let activity, let received): "connection ended while \(activity), after \"\(received)\""
    case .malformedResponse(let text): "not a response: \"\(text)\""
    case .commandFailed(let text): text
    }
  }
}
