import Foundation
import Glibc
import TestSupport

/// A running `ambit serve --single` of one loop that counts its allocations and tells their number at `/allocations`.
struct CountingHost: Sendable {
  let port: UInt16

  /// Asks for `path` over and over on sixty-four connections for a second.
  func load(with path: String) throws {
    _ = try run("wrk", ["-t", "1", "-c", "64", "-d", "1s", "http://127.0.0.1:\(port)\(path)"])
  }
}

/// Starts a host with the workloads' plugins, hands it to `body` on a thread of its own, as all calls block, and ends
/// it at last.
func withCountingHost<Value: Sendable>(
  _ body: @escaping @Sendable (CountingHost) throws -> Value
) async throws -> Value {
  try await onOwnThread {
    let folder = try TemporaryFolder()
    let counter = try prepare(folder)
    let errors = try PipeEnds()
    let host = try RunningCommand(
      Places.ambit.filePath, ["serve", "--single"], in: folder.url,
      environment: ["LD_PRELOAD": counter, "STATE_DIRECTORY": folder.path(of: "state")],
      output: open("/dev/null", O_WRONLY | O_CLOEXEC), errors: errors.writing, limit: .seconds(300))
    defer {
      host.signal(SIGKILL)
      _ = host.waitForEnd()
    }
    let log = FileHandle(fileDescriptor: errors.reading, closeOnDealloc: true)
    return try withExtendedLifetime((folder, log)) { try body(CountingHost(port: port(in: log))) }
  }
}

/// The host ended before it served.
struct HostEnded: Error {
  let log: String
}

/// Makes the configuration, the plugins and the counter.
/// - Returns: the path of the counter.
private func prepare(_ folder: TemporaryFolder) throws -> String {
  let plugins = [
    "Tests/AllocationTests/Libraries/allocations.c", "Tests/Benchmarks/Peers/ambit/jobs.c", "Plugins/hello/hello.c",
  ].map { Places.package.appending(path: $0) }
  try folder.write(
    """
    listen = ["127.0.0.1:0"]
    private = "\(folder.path)"
    threads = 1
    """, to: "host.conf")
  try FileManager.default.createDirectory(atPath: folder.path(of: "Plugins"), withIntermediateDirectories: false)
  for plugin in plugins {
    let name = plugin.deletingPathExtension().lastPathComponent
    try compile(plugin, to: folder.path(of: "Plugins/\(name).so"))
  }
  let counter = folder.path(of: "allocation_count.so")
  try compile(Places.package.appending(path: "Tests/AllocationTests/Libraries/allocation_count.c"), to: counter)
  return counter
}

private func compile(_ source: URL, to library: String) throws {
  let flags = ["-std=gnu17", "-D_GNU_SOURCE", "-O2", "-g", "-shared", "-fPIC", "-I", Places.headers.filePath]
  try Compiler.c.compile(flags + ["-o", library, source.filePath])
}

/// Reads the log up to the line that says that the host serves.
/// - Returns: the port that the log names before that line.
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
