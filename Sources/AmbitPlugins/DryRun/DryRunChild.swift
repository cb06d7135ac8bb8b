package import AmbitRuntime
import AmbitCore
import CLinux
package import AmbitSystem
import Glibc

/// The child process of dry runs, from inside: it loads, starts and stops one plugin after the other as the host asks.
/// It announces each step before it takes it, so that the host knows which step failed.
package final class DryRunChild: Sendable {
  /// The descriptor of the connection to the host.
  static let connection: Int32 = 3

  private let host = MessageConnection(inherited: DryRunChild.connection, limit: DryRunRequest.limit)

  package init() {
    HostProcess.setRole(.dryRun)
    HostProcess.surviveClosedPipes()
    HostProcess.surviveFileSizeLimit()
    ClosedDescriptors.setExitStatus(Self.closedDescriptorsStatus)
  }

  /// Sends a log event to the host. From any thread.
  package func relay(_ event: RelayLogHandler.Event) { send(.log(event)) }

  /// The exit status after a plugin has closed the connection, or another descriptor that is vital.
  static let closedDescriptorsStatus: Int32 = 113

  /// Waits for the host's first message, and gives up what it says. The process has one thread still.
  /// - Returns: the limits of the runtime; nil if the process is to end.
  package func begin() -> DryRunLimits? {
    guard case .begin(let limits)? = receive() else { return nil }
    let parent = getppid()
    do throws(SystemError) {
      // The host has just seen that the writable paths exist.
      _ = try limits.confinement.apply()
    } catch {
      reportInability(error, limits)
      return nil
    }
    // Another user's process has lost the signal.
    if limits.confinement.account != nil { clinux_end_with_parent(parent) }
    return limits
  }

  /// Tells the host why this process can try no plugin.
  package func reportInability(_ error: SystemError, _ limits: DryRunLimits) {
    send(.cannotRun("\(error)\(limits.confinement.hint(about: error))"))
  }

  /// Serves the host's requests until the host closes the connection.
  package func run(_ dryRunLimits: DryRunLimits, table: HostTable) {
    defer { if !host.isIntact { ClosedDescriptors.endHost() } }
    let limits = RuntimeLimits(stackSize: dryRunLimits.stackSize, cancelGrace: dryRunLimits.cancelGrace)
    let pool = ThreadPool.Limits(threads: dryRunLimits.poolThreads)
    let loops: LoopGroup
    do throws(SystemError) {
      // The host may run jobs with AMBIT_JOB_ONCE now.
      loops = try LoopGroup(count: 1, table: table, limits: limits, pool: pool, runsOnceJobs: false)
    } catch {
      return reportInability(error, dryRunLimits)
    }
    while case .load(let path, let file, let hash, let others)? = receive() {
      do throws(PluginError) {
        var copy =
          try hash.map { hash throws(PluginError) in try PluginCopy(reading: path, of: file, hash: hash) }
          ?? PluginCopy(InPlaceUse(name: path, isHostsOwn: true), of: file)
        copy.openedBefore = others
        if file.isLibrary {
          send(.passed(functionImages: try open(copy), warnings: []))
        } else {
          send(.passed(functionImages: [], warnings: try loadStartStop(copy, on: loops)))
        }
      } catch {
        send(.refused(error.problems))
      }
    }
  }

  /// - Returns: what the plugin's author should change.
  private func loadStartStop(_ copy: PluginCopy, on loops: LoopGroup) throws(PluginError) -> [String] {
    send(.began(.loading))
    let plugin = try CrashReport.noting("constructor", of: copy.file.stem) { () throws(PluginError) in
      try LoadedPlugin(copy)
    }
    send(.manifest(PluginManifest(of: plugin)))
    guard case .start(let inputs)? = receive() else { return plugin.warnings }
    try plugin.functions(inputs.functions)
    send(.began(.start))
    let generation = try PluginGeneration(
      dryRunOf: plugin, settings: inputs.settings, limits: inputs.limits, loops: loops)
    try generation.start(from: inputs.handedOver)
    send(.began(.stop))
    let latch = Latch<Void>()
    generation.end(.shutdown) { latch.arrive(()) }
    _ = latch.wait()
    return plugin.warnings
  }

  /// Opens a library that is no plugin, and looks up the functions of its routes.
  /// - Returns: the images that have the functions.
  private func open(_ copy: PluginCopy) throws(PluginError) -> [String] {
    send(.began(.loading))
    let library = try CrashReport.noting("constructor", of: copy.file.lastName) { () throws(PluginError) in
      try LoadedPlugin(library: copy)
    }
    send(.manifest(PluginManifest(of: library)))
    guard case .start(let inputs)? = receive() else { return [] }
    return try library.check(inputs.functions).map { SystemLoader.imagePath(of: $0) }
  }

  private func send(_ reply: DryRunReply) { host.send(MessageEncoder.encode(reply)) }

  /// Waits for the next request; nil when the host has closed the connection.
  private func receive() -> DryRunRequest? {
    guard let message = host.receive()?.message else { return nil }
    return try? MessageDecoder.decode(DryRunRequest.self, from: message[...])
  }
}
