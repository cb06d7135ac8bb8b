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

  /// Asks the host to roll a plugin back, waits until that is done, and returns what has become of it.
  package func rollBack(_ plugin: String, asJSON: Bool) throws(HostError) -> (text: String, isDone: Bool) {
    let reply = try send("POST", "/rollback?\(AdminQuery.text("plugin", plugin))", asJSON: asJSON)
    return (reply.body, reply.status == 200)
  }

  /// Returns the generations of a plugin that the host has served.
  /// - Throws: also if the plugin has not served.
  package func history(of plugin: String, asJSON: Bool) throws(HostError) -> String {
    let target = "/history?\(AdminQuery.text("plugin", plugin))"
    let reply = try send("GET", target, asJSON: asJSON)
    guard reply.status == 200 else {
      throw HostError(try send("GET", target, asJSON: false).body.split(separator: "\n").map(String.init))
    }
    return reply.body
  }

  /// Asks the host to reload, waits until the reload is done, and returns its outcome.
  /// - Parameter plugin: a plugin that is to be tried again, which is quarantined or was rolled back; nil: none.
  package func reload(
    retrying plugin: String? = nil, asJSON: Bool
  ) throws(HostError) -> (text: String, result: ReloadResult) {
    let query = plugin.map { "?\(AdminQuery.text("retry", $0))" } ?? ""
    let reply = try send("POST", "/reload\(query)", asJSON: asJSON)
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

  /// Asks the host to become another program, waits until it has or has not, and returns what became of it, and whether
  /// the present files of all plugins serve.
  /// - Parameter program: the absolute path of the new program.
  /// - Throws: why the host is what it was; or that it does not answer any more.
  package func upgrade(to program: String) throws(HostError) -> (text: String, isComplete: Bool) {
    let reply = try send("POST", "/upgrade?\(AdminQuery.text("program", program))", asJSON: false)
    var lines = reply.body.split(separator: "\n").map(String.init)
    guard reply.status == 202, let first = lines.first else {
      throw HostError(reply.status == 422 ? Array(lines.dropFirst()) : lines)
    }
    let number = first.prefix { $0 != " " }
    var lastAnswer = Clock.monotonic
    // The host may not have got so far that it knows of this upgrade.
    while lines.first?.hasPrefix("\(number) ") != true || lines.first == first {
      pauseThread(.milliseconds(50))
      do throws(HostError) {
        lines = try send("GET", "/upgrade", asJSON: false).body.split(separator: "\n").map(String.init)
        lastAnswer = Clock.monotonic
      } catch {
        // Between the programs nobody listens for a moment.
        let silence = Clock.monotonic - lastAnswer
        if let host = reply.process, Self.hasEnded(host, silentFor: silence) {
          throw HostError(["the host (pid \(host)) has ended before it became \(program); its log says more"])
        }
        guard silence < Self.longestSilence else {
          throw error.followed(by: ["the host was about to become \(program); its log says more"])
        }
      }
    }
    let isComplete = lines.first == "\(number) done"
    guard isComplete || lines.first == "\(number) partial" else {
      throw HostError(lines.count > 1 ? Array(lines.dropFirst()) : lines)
    }
    return (lines.dropFirst().map { "\($0)\n" }.joined(), isComplete)
  }

  /// Whether a process that does not answer has ended. During execve(2) it may look for a moment as if it had ended and
  /// were not reaped.
  private static func hasEnded(_ host: Int32, silentFor silence: Int64) -> Bool {
    ProcessTimes.isGone(host) || silence > timeOfReplacement && ProcessTimes.hasEnded(host)
  }

  /// How long execve(2) may take, in nanoseconds.
  private static var timeOfReplacement: Int64 { 1_000_000_000 }
  /// How long a host that becomes another program may give no answer, in nanoseconds.
  private static var longestSilence: Int64 { 30_000_000_000 }

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

/// Queries of the admin API, which have one pair of a key and a value.
enum AdminQuery {
  static func text(_ key: String, _ value: String) -> String {
    "\(key)="
      + Array(value.utf8).map { byte in
        let scalar = Unicode.Scalar(byte)
        let isPlain = scalar.properties.isAlphabetic && byte < 128 || "0123456789/-_.".unicodeScalars.contains(scalar)
        return isPlain ? String(scalar) : "%" + String(byte, radix: 16, uppercase: true).leftPadded
      }.joined()
  }

  /// - Returns: nil if there is no query, or it is malformed.
  static func value(of key: String, in query: String?) -> String? {
    guard let query, query.hasPrefix("\(key)=") else { return nil }
    var bytes: [UInt8] = []
    var rest = query.utf8.dropFirst(key.utf8.count + 1)
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16), rest.count >= 2, value > 0
      else { return nil }
      rest = rest.dropFirst(2)
      bytes.append(value)
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

extension String {
  /// Two digits.
  fileprivate var leftPadded: String { count < 2 ? "0\(self)" : self }
}
