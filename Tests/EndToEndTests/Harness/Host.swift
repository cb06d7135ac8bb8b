import Foundation
import Glibc
import TestSupport
import Testing

/// A running `ambit serve` with a directory, a configuration and a port of its own.
final class Host: Sendable {
  let directory: URL
  let log: HostLog
  let port: UInt16
  let child: RunningCommand

  /// The folder of the host's plugins.
  var plugins: URL { directory.appending(path: "Plugins") }

  fileprivate init(
    in directory: URL, isSingle: Bool = false, wrapper: [String], arguments: [String], environment: [String: String],
    limit: Duration
  ) async throws {
    self.directory = directory
    let words = wrapper + [Places.ambit.filePath, "serve"] + (isSingle ? ["--single"] : []) + arguments
    (child, log) = try await startHost(
      words[0], Array(words.dropFirst()), in: directory, environment: environment, limit: limit)
    let listening = try await log.line(containing: "listening on http://127.0.0.1:").text
    try await log.line(containing: "serving")
    let end = listening.firstRange(of: "http://127.0.0.1:")?.upperBound ?? listening.endIndex
    guard let port = UInt16(listening[end...].prefix(while: \.isNumber)) else {
      throw HarnessError.commandFailed("no port in \(listening)")
    }
    self.port = port
  }

  /// The address of `path` on this host, for curl.
  func url(_ path: String) -> String { "http://127.0.0.1:\(port)\(path)" }

  /// Connects to the host. Calls wait as long as the host is allowed to run.
  func connect(receiveBuffer: Int32? = nil) throws -> Client {
    try Client(port: port, receiveBuffer: receiveBuffer, timeout: nil)
  }

  /// Sends `bytes` on a new connection and reads the first response.
  func answer(to bytes: String, toHead: Bool = false) async throws -> ReceivedResponse {
    let connection = try connect()
    defer { connection.close() }
    try await connection.send(bytes)
    return try await connection.response(toHead: toHead)
  }

  /// Asks for `target` on a new connection.
  func get(_ target: String) async throws -> ReceivedResponse {
    try await answer(to: "GET \(target) HTTP/1.1\r\nHost: ambit\r\nConnection: close\r\n\r\n")
  }

  /// Writes the configuration of this host anew, behind two lines of the harness. Keys outside of tables come first.
  ///
  /// Unless the text says otherwise, there are as many event loops as before: another number would need new workers.
  /// - Parameter listeners: further addresses, as for `withHost`.
  func configure(_ text: String, listeners: [String] = []) throws {
    let before = try String(contentsOf: directory.appending(path: "host.conf"), encoding: .utf8)
    let threads = text.contains("threads") || !before.contains("threads = 2") ? "" : "threads = 2\n"
    try Host.write(configuration: threads + text, listeners: listeners, in: directory)
  }

  /// Sends SIGHUP and waits for the line that closes this reload.
  @discardableResult
  func reload() async throws -> LogLine {
    let position = log.position
    child.signal(SIGHUP)
    return try await log.line(after: position, containing: "reload done")
  }

  /// Has the host reload over its admin API, which does not debounce reloads, and gives the line that closes this
  /// reload: for tests that reload often.
  @discardableResult
  func reloadOnRequest() async throws -> LogLine {
    let position = log.position
    _ = try await admin("/reload", "-X", "POST")
    return try await log.line(after: position, containing: "reload done")
  }

  /// Asks the host to stop and waits until it has.
  func stop() async -> TestSupport.ExitStatus {
    child.signal(SIGTERM)
    return await child.status
  }

  /// Asks the host to stop, starts another one in its place, hands the new one to `body`, and ends it at last.
  func startAgain(environment: [String: String] = [:], _ body: @Sendable (Host) async throws -> Void) async throws {
    _ = await stop()
    let next = try await Host(in: directory, wrapper: [], arguments: [], environment: environment, limit: .seconds(900))
    let result = await Result.running { try await body(next) }
    next.child.signal(SIGKILL)
    _ = await next.child.status
    try result.get()
  }

  /// The process that runs the code of plugins: the first worker, or the host if it has none.
  var servingProcess: pid_t {
    for id in (try? Self.children(of: child.pid)) ?? [] {
      let words = (try? Data(contentsOf: URL(filePath: "/proc/\(id)/cmdline")))?.split(separator: 0) ?? []
      if words.count > 1, words[1].elementsEqual("worker".utf8) { return id }
    }
    return child.pid
  }

  /// The figure called `name` of `/proc/PID/status` of the process that runs the code of plugins, in bytes.
  func memory(_ name: String) throws -> Int {
    let status = try String(contentsOfFile: "/proc/\(servingProcess)/status", encoding: .utf8)
    let line = status.split(separator: "\n").first { $0.hasPrefix("\(name):") }
    guard let kibibytes = line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({ Int($0) }) else {
      throw HarnessError.commandFailed("no \(name) in the status of the process")
    }
    return kibibytes * 1024
  }

  /// The processes that the process which runs the code of plugins has started and that are not gone.
  func children() throws -> [String] { try Self.children(of: servingProcess).map(String.init) }

  /// The processes that another one has started and that are not gone.
  static func children(of process: pid_t) throws -> [pid_t] {
    let tasks = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/task")
    return tasks.flatMap { task in
      let list = try? String(contentsOfFile: "/proc/\(process)/task/\(task)/children", encoding: .utf8)
      return (list ?? "").split(separator: " ").compactMap { pid_t($0) }
    }
  }

  /// The files that the process which runs the code of plugins has mapped, as the system lists them.
  func maps() throws -> String {
    // Foundation stops reading if the system hands over fewer bytes than requested.
    let descriptor = open("/proc/\(servingProcess)/maps", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw SystemCallError(call: "open the maps of the host", code: errno) }
    var bytes: [UInt8] = []
    drain(descriptor) { bytes += $0 }
    return String(decoding: bytes, as: UTF8.self)
  }

  fileprivate static func write(configuration: String, listeners: [String], in directory: URL) throws {
    let addresses = (["127.0.0.1:0"] + listeners).map { $0.hasPrefix("{") ? $0 : "\"\($0)\"" }
    let text = """
      listen = [\(addresses.joined(separator: ", "))]
      private = "\(directory.appending(path: "private").filePath)"
      \(configuration)
      """
    try directory.write(text, as: "host.conf")
  }
}

/// Starts a command that becomes a host, and follows its log. Before, it waits until other tests have had their turns.
func startHost(
  _ command: String, _ arguments: [String], in directory: URL, environment: [String: String] = [:],
  limit: Duration = .seconds(900)
) async throws -> (RunningCommand, HostLog) {
  await otherTestsHaveRun()
  let errors = try PipeEnds()
  let command = try RunningCommand(
    command, arguments, in: directory, environment: folderVariables(directory).merging(environment) { $1 },
    output: open("/dev/null", O_WRONLY | O_CLOEXEC), errors: errors.writing, limit: limit)
  let log = HostLog(following: errors.reading)
  command.whenEnded { _ in DispatchQueue.global().asyncAfter(deadline: .now() + 30) { log.giveUp() } }
  return (command, log)
}

/// Lets six hosts, or commands beside hosts, run at a time, first come, first served: tests run in parallel, but a
/// hundred hosts on two cores would only measure each other.
actor HostSlots {
  static let shared = HostSlots()
  /// Whether the running test has a slot. It needs no other one for its commands.
  @TaskLocal private static var isHeld = false
  private var free = 6
  private var waiting: [CheckedContinuation<Void, Never>] = []

  func use<Value: Sendable>(_ body: @Sendable () async throws -> Value) async rethrows -> Value {
    if Self.isHeld { return try await body() }
    await enter()
    defer { leave() }
    return try await Self.$isHeld.withValue(true) { try await body() }
  }

  private func enter() async {
    if free > 0 { free -= 1 } else { await withCheckedContinuation { waiting.append($0) } }
  }

  private func leave() {
    if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
  }
}

/// Starts a host with these plugins and settings, hands it to `body`, and ends it at last. The files lie in a temporary
/// folder, and the system chooses the port. A host that a signal has ended is an error.
/// - Parameters:
///   - listeners: further addresses, or tables as `host.conf` has them.
///   - sources: files of samples, copied as they are and not built.
///   - libraries: libraries that lie beside `host.conf`.
///   - isSingle: whether the plugins run in the host's process, and not in workers.
///   - wrapper: words in front of the host's command.
///   - limit: the time after which the host is killed.
///   - mayCrash: whether a signal may end the host.
func withHost(
  _ plugins: [PluginFile], configuration: String = "threads = 2", listeners: [String] = [], arguments: [String] = [],
  sources: [String] = [], libraries: [PluginFile] = [], environment: [String: String] = [:], isSingle: Bool = false,
  wrapper: [String] = [],
  limit: Duration = .seconds(900), mayCrash: Bool = false, _ body: @Sendable (Host) async throws -> Void
) async throws {
  try await HostSlots.shared.use {
    try await withTemporaryFolder { directory in
      let folder = directory.appending(path: "Plugins")
      for made in [folder, directory.appending(path: "private")] {
        try FileManager.default.createDirectory(at: made, withIntermediateDirectories: true)
      }
      for plugin in plugins { try await plugin.install(in: folder) }
      for library in libraries { try await library.install(in: directory) }
      try copySamples(sources, to: folder)
      try Host.write(configuration: configuration, listeners: listeners, in: directory)
      let host = try await Host(
        in: directory, isSingle: isSingle, wrapper: wrapper, arguments: arguments, environment: environment,
        limit: limit)
      let result = await Result.running { try await body(host) }
      let early = host.child.earlyStatus
      host.child.signal(SIGKILL)
      _ = await host.child.status
      if case .signalled(let number) = early, !mayCrash {
        throw HarnessError.hostDied(signal: number, log: host.log.text)
      }
      try result.get()
    }
  }
}

/// Starts `ambit serve` in a folder that the test has filled, hands the host to `body`, and ends it at last. The
/// configuration names port 0 of 127.0.0.1.
func withHost(
  in directory: URL, isSingle: Bool = true, wrapper: [String] = [], arguments: [String] = [],
  environment: [String: String] = [:],
  _ body: @Sendable (Host) async throws -> Void
) async throws {
  try await HostSlots.shared.use {
    let host = try await Host(
      in: directory, isSingle: isSingle, wrapper: wrapper, arguments: arguments, environment: environment,
      limit: .seconds(900))
    let result = await Result.running { try await body(host) }
    host.child.signal(SIGKILL)
    _ = await host.child.status
    try result.get()
  }
}

/// Puts plugins and a configuration with a port that the system chooses into `directory`, for `withHost(in:)`.
func populate(_ directory: URL, with plugins: [PluginFile], configuration: String = "") async throws {
  let folder = directory.appending(path: "Plugins")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  for plugin in plugins { try await plugin.install(in: folder) }
  try directory.write("listen = ['127.0.0.1:0']\n\(configuration)\n", as: "host.conf")
}

extension Result where Success == Void, Failure == any Error {
  fileprivate static func running(_ body: @Sendable () async throws -> Void) async -> Self {
    do { return .success(try await body()) } catch { return .failure(error) }
  }
}

extension Host {
  /// The path of the admin socket by default.
  var adminSocket: String { directory.appending(path: ".ambit.sock").filePath }

  /// Asks the admin API with curl. `arguments` are further arguments of curl.
  func admin(_ path: String, _ arguments: String...) async throws -> CommandResult {
    let all = ["-sS", "--unix-socket", adminSocket] + arguments + ["http://ambit\(path)"]
    return try await run("curl", all)
  }

  /// The response of the admin API in JSON.
  func adminJSON(_ path: String, _ arguments: String...) async throws -> JSONObject {
    let all = ["-sS", "--unix-socket", adminSocket] + arguments + ["http://ambit\(path)"]
    return try JSONObject(await run("curl", all).output)
  }
}

/// An object of JSON whose members are found by name.
struct JSONObject {
  private let members: [String: Any]

  init(_ bytes: [UInt8]) throws {
    let value = try JSONSerialization.jsonObject(with: Data(bytes))
    members = try #require(value as? [String: Any], "\(String(decoding: bytes, as: UTF8.self))")
  }

  private init(_ members: [String: Any]) { self.members = members }

  var names: Set<String> { Set(members.keys) }

  func text(_ name: String) -> String? { members[name] as? String }
  func number(_ name: String) -> Int? { members[name] as? Int }
  func flag(_ name: String) -> Bool? { members[name] as? Bool }
  func texts(_ name: String) -> [String] { members[name] as? [String] ?? [] }
  func object(_ name: String) -> JSONObject { JSONObject(members[name] as? [String: Any] ?? [:]) }

  func objects(_ name: String) -> [JSONObject] {
    (members[name] as? [[String: Any]] ?? []).map { JSONObject($0) }
  }
}
