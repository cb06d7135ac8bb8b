internal import AmbitConfig
internal import AmbitHTTP
internal import AmbitSystem

/// The client of the admin API, for commands that speak to a running host.
package struct AdminClient: Sendable {
  /// Where the socket may be: the first on which a host answers is taken.
  private let paths: [String]
  /// A configuration has given the paths, not the operator.
  private let isByConfiguration: Bool

  /// Speaks to the host that listens on the socket at `path`.
  package init(path: String) { (paths, isByConfiguration) = ([path], false) }

  /// Speaks to the host of a configuration.
  /// - Throws: if the configuration has an error or names no admin socket.
  package init(_ source: ConfigurationSource) throws(HostError) {
    (paths, isByConfiguration) = (try AdminSocket.places(of: source), true)
  }

  /// Returns what `GET /status` answers.
  package func status(asJSON: Bool) throws(HostError) -> String {
    try send("GET", "/status", asJSON: asJSON).body
  }

  /// Returns what `GET /scopes` answers.
  package func scopes(asJSON: Bool) throws(HostError) -> String {
    try send("GET", "/scopes", asJSON: asJSON).body
  }

  /// Asks the host to reload, waits until the reload is done, and returns its outcome.
  package func reload(asJSON: Bool) throws(HostError) -> (text: String, result: ReloadResult) {
    let reply = try send("POST", "/reload", asJSON: asJSON)
    return (reply.body, ReloadResult(httpStatus: reply.status))
  }

  /// The result of a reload, for the exit status of a command.
  package enum ReloadResult: Int32, Sendable {
    /// All that is in the configuration and in the directory of the plugins is in use.
    case applied = 0
    /// Something was refused, or the host stops and does not reload any more.
    case failed = 1
    /// Nothing failed, but changed keys of the configuration take effect at the next start.
    case partlyIgnored = 2

    fileprivate init(httpStatus: Int) {
      switch httpStatus {
      case 200: self = .applied
      case 202: self = .partlyIgnored
      default: self = .failed
      }
    }
  }

  private func send(_ method: String, _ target: String, asJSON: Bool) throws(HostError) -> LocalClient.Reply {
    var errors: [(path: String, error: SystemError)] = []
    for path in paths {
      do throws(SystemError) {
        return try LocalClient.send(method, target, accept: asJSON ? "application/json" : "text/plain", to: path)
      } catch {
        errors.append((path, error))
        // A host that has answered in part is the right one.
        guard error.operation == LocalClient.connecting else { break }
      }
    }
    throw noAnswer(errors)
  }

  private func noAnswer(_ errors: [(path: String, error: SystemError)]) -> HostError {
    let places = errors.map { "no host answers on the admin socket \($0.path): \($0.error)" }
    guard isByConfiguration else { return HostError(places + ["is a host running? its log says where its socket is"]) }
    let folder = errors.map { Paths.folder(of: $0.path) }.first { Paths.exists($0) && Paths.real($0) != $0 }
    let link = folder.map { "; if a link in \($0) was moved since the host's start, send the host a SIGHUP first" }
    return HostError(
      places + [
        "is a host running? its log says where its socket is, \"admin API on unix:PATH\": name it with --socket PATH"
          + (link ?? "")
      ])
  }
}
