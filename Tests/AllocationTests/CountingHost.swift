import Foundation

/// A running `ambit serve` of one loop that counts its allocations and tells their number at `/allocations`.
struct CountingHost: Sendable {
  let port: UInt16

  /// Asks for `path` over and over, on sixty-four connections for a second.
  func load(with path: String) throws {
    let load = Process()
    load.executableURL = Places.wrk
    load.arguments = ["-t", "1", "-c", "64", "-d", "1s", "http://127.0.0.1:\(port)\(path)"]
    load.standardOutput = FileHandle.nullDevice
    try load.run()
    load.waitUntilExit()
  }
}

/// Starts a host with the workloads' plugins, hands it to `body` on a thread of its own, as all that is done with it
/// blocks, and ends it whatever happens.
func withCountingHost<Value: Sendable>(
  _ body: @escaping @Sendable (CountingHost) throws -> Value
) async throws -> Value {
  try await withCheckedThrowingContinuation { continuation in
    Thread.detachNewThread {
      continuation.resume(with: Result { try withTemporaryDirectory { try run(in: $0, body) } })
    }
  }
}

/// The host ended before it served.
struct HostEnded: Error {
  let log: String
}

private func withTemporaryDirectory<Value>(_ body: (URL) throws -> Value) throws -> Value {
  let directory = FileManager.default.temporaryDirectory.appending(path: "ambit-allocations-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: directory) }
  return try body(directory)
}

private func run<Value>(in directory: URL, _ body: (CountingHost) throws -> Value) throws -> Value {
  let counter = try prepare(directory)
  let process = Process()
  let log = Pipe()
  process.executableURL = Places.ambit
  process.arguments = ["serve"]
  process.currentDirectoryURL = directory
  let variables = ["LD_PRELOAD": counter.path, "STATE_DIRECTORY": directory.appending(path: "state").path]
  process.environment = ProcessInfo.processInfo.environment.merging(variables) { $1 }
  process.standardInput = FileHandle.nullDevice
  process.standardError = log
  try process.run()
  defer {
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }
  return try body(CountingHost(port: port(in: log.fileHandleForReading)))
}

/// Makes the configuration, the plugins and the counter, and hands over where the counter is.
private func prepare(_ directory: URL) throws -> URL {
  try FileManager.default.createDirectory(
    at: directory.appending(path: "Plugins"), withIntermediateDirectories: false)
  for plugin in Places.plugins {
    let name = plugin.deletingPathExtension().lastPathComponent
    try compile(plugin, to: directory.appending(path: "Plugins/\(name).so"))
  }
  let configuration = """
    listen = ["127.0.0.1:0"]
    private = "\(directory.path)"
    threads = 1
    """
  try Data(configuration.utf8).write(to: directory.appending(path: "host.conf"))
  let counter = directory.appending(path: "allocation_count.so")
  try compile(Places.counter, to: counter)
  return counter
}

/// Reads the log up to the line that says that the host serves, and hands over the port it has named before.
private func port(in log: FileHandle) throws -> UInt16 {
  var text = ""
  while !text.contains("serving pid=") {
    let piece = log.availableData
    if piece.isEmpty { throw HostEnded(log: text) }
    text += String(decoding: piece, as: UTF8.self)
  }
  let listening = text.firstMatch(of: /listening on http:\/\/127\.0\.0\.1:([0-9]+)/)
  guard let port = listening.flatMap({ UInt16($0.1) }) else { throw HostEnded(log: text) }
  return port
}
