package import AmbitRuntime
import AmbitCore
package import AmbitSystem
import Glibc

/// The child process of dry runs, from inside: it loads, starts and stops one plugin after the other as the host asks.
/// It announces each step before it takes it, so that the host knows which step failed.
package final class DryRunChild: Sendable {
  /// The descriptor of the connection to the host.
  static let connection: Int32 = 3

  private let host = MessageConnection(inherited: DryRunChild.connection)

  package init() {
    signal(SIGPIPE, SIG_IGN)
  }

  /// Sends a log event to the host. From any thread.
  package func relay(_ event: RelayLogHandler.Event) { send(.log(event)) }

  /// Serves the host's requests until the host closes the connection. `startLog` is called before any plugin is loaded,
  /// with the least severe level to log.
  package func run(table: HostTable, startLog: (String) -> Void) {
    guard case .begin(let dryRunLimits)? = receive() else { return }
    startLog(dryRunLimits.logLevel)
    let limits = RuntimeLimits(stackSize: dryRunLimits.stackSize, cancelGrace: dryRunLimits.cancelGrace)
    let pool = ThreadPool.Limits(threads: dryRunLimits.poolThreads)
    guard let loops = try? LoopGroup(count: 1, table: table, limits: limits, pool: pool) else { return }
    while case .load(let path, let file, let hash, let others)? = receive() {
      do throws(PluginError) {
        var copy =
          try hash.map { hash throws(PluginError) in try PluginCopy(reading: path, of: file, hash: hash) }
          ?? PluginCopy(InPlaceUse(name: path, isHostsOwn: true), of: file)
        copy.openedBefore = others
        if file.isLibrary {
          send(.passed(functionImages: try open(copy)))
        } else {
          try loadStartStop(copy, on: loops)
          send(.passed(functionImages: []))
        }
      } catch {
        send(.refused(error.problems))
      }
    }
  }

  private func loadStartStop(_ copy: PluginCopy, on loops: LoopGroup) throws(PluginError) {
    send(.began(.loading))
    let plugin = try CrashReport.noting("constructor", of: copy.file.stem) { () throws(PluginError) in
      try LoadedPlugin(copy)
    }
    send(.manifest(PluginManifest(of: plugin)))
    guard case .start(let inputs)? = receive() else { return }
    try plugin.functions(inputs.functions)
    send(.began(.start))
    let generation = try PluginGeneration(dryRunOf: plugin, settings: inputs.settings, loops: loops)
    try generation.start(from: inputs.handedOver)
    send(.began(.stop))
    let latch = Latch<Void>()
    generation.end(.shutdown) { latch.arrive(()) }
    _ = latch.wait()
  }

  /// Opens a library that is no plugin, and looks up the functions of its routes.
  /// - Returns: the images that have the functions.
  private func open(_ copy: PluginCopy) throws(PluginError) -> [String] {
    send(.began(.loading))
    let library = try LoadedPlugin(library: copy)
    send(.manifest(PluginManifest(of: library)))
    guard case .start(let inputs)? = receive() else { return [] }
    return try library.check(inputs.functions).map { SystemLoader.imagePath(of: $0) }
  }

  private func send(_ reply: DryRunReply) { host.send(reply.bytes) }

  /// Waits for the next request; nil when the host has closed the connection.
  private func receive() -> DryRunRequest? {
    guard let message = host.receive() else { return nil }
    return try? DryRunRequest(message[...])
  }
}
