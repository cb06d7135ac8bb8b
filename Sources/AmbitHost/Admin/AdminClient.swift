internal import AmbitConfig
internal import AmbitHTTP
internal import AmbitSystem

/// The client of the admin API, for commands that speak to a running host.
package struct AdminClient: Sendable {
  private let path: String

  /// Speaks to the host that listens on the socket at `path`.
  package init(path: String) { self.path = path }

  /// Speaks to the host of a configuration.
  /// - Throws: if the configuration has an error or names no admin socket.
  package init(_ source: ConfigurationSource) throws(HostError) {
    guard let path = try source.adminPath(in: source.read()) else {
      throw HostError([
        "\(source.name): admin is \"\", so a host of this configuration has no admin API"
      ])
    }
    self.path = path
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
  package func reload(asJSON: Bool) throws(HostError) -> (text: String, succeeded: Bool) {
    let reply = try send("POST", "/reload", asJSON: asJSON)
    return (reply.body, reply.status == 200)
  }

  private func send(_ method: String, _ target: String, asJSON: Bool) throws(HostError) -> LocalClient.Reply {
    do throws(SystemError) {
      return try LocalClient.send(method, target, accept: asJSON ? "application/json" : "text/plain", to: path)
    } catch {
      throw HostError(["no host answers on the admin socket \(path): \(error); is a host running?"])
    }
  }
}
