package import AmbitRuntime
import AmbitCore
import CLinux
import Glibc
import Synchronization

/// The process that rehearses, from inside: it loads plugins as the host does, one after the other as it is told, starts
/// and stops each, and tells the host of every step before it takes it, so that the host knows where one failed.
package final class RehearsalStage: Sendable {
  /// The descriptor of the connection to the host.
  static let connection: Int32 = 3

  private let sending = Mutex<Void>(())

  package init() {
    _ = fcntl(clinux_own(Self.connection), F_SETFD, FD_CLOEXEC)
    signal(SIGPIPE, SIG_IGN)
  }

  /// Sends a log event to the host. From any thread.
  package func relay(_ event: RelayLogHandler.Event) { send(.log(event)) }

  /// Does what the host orders until it closes the connection. `startLog` gets the least severe level to be logged,
  /// before any plugin is loaded.
  package func run(table: HostTable, startLog: (String) -> Void) {
    guard case .begin(let runtime)? = receive() else { return }
    startLog(runtime.logLevel)
    let limits = RuntimeLimits(stackSize: runtime.stackSize, cancelGrace: runtime.cancelGrace)
    let pool = ThreadPool.Limits(threads: runtime.poolThreads)
    guard let loops = try? LoopGroup(count: 1, table: table, limits: limits, pool: pool) else { return }
    while case .load(let path, let file, let hash, let others)? = receive() {
      do throws(PluginRefusal) {
        var copy =
          try hash.map { hash throws(PluginRefusal) in try PluginCopy(reading: path, of: file, hash: hash) }
          ?? PluginCopy(InPlaceUse(name: path, isHostsOwn: true), of: file)
        copy.openedBefore = others
        if file.isLibrary {
          send(.passed(functionImages: try open(copy)))
        } else {
          try rehearse(copy, on: loops)
          send(.passed(functionImages: []))
        }
      } catch {
        send(.refused(error.errors))
      }
    }
  }

  private func rehearse(_ copy: PluginCopy, on loops: LoopGroup) throws(PluginRefusal) {
    send(.began(.loading))
    let plugin = try CrashReport.noting("constructor", of: copy.file.stem) { () throws(PluginRefusal) in
      try LoadedPlugin(copy)
    }
    send(.manifest(PluginManifest(of: plugin)))
    guard case .start(let cast)? = receive() else { return }
    try plugin.functions(cast.functions)
    send(.began(.start))
    let generation = try PluginGeneration(rehearsing: plugin, settings: cast.settings, loops: loops)
    try generation.start(from: cast.handedOver)
    send(.began(.stop))
    let gate = Gate<Void>()
    generation.end(.shutdown) { gate.arrive(()) }
    _ = gate.wait()
  }

  /// Opens a library that is no plugin, and looks for the functions of its routes.
  /// - Returns: the images that they lie in.
  private func open(_ copy: PluginCopy) throws(PluginRefusal) -> [String] {
    send(.began(.loading))
    let library = try LoadedPlugin(library: copy)
    send(.manifest(PluginManifest(of: library)))
    guard case .start(let cast)? = receive() else { return [] }
    return try library.check(cast.functions).map { LibraryLanes.imagePath(of: $0) }
  }

  private func send(_ reply: RehearsalReply) {
    let message = MessageStream.framed(reply.bytes)
    sending.withLock { _ in
      var rest = message[...]
      while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(Self.connection, $0.baseAddress!, $0.count) }
        guard count > 0 || errno == EINTR else { return }
        rest = rest.dropFirst(max(count, 0))
      }
    }
  }

  /// Waits for the next order; nil when the host has no more.
  private func receive() -> RehearsalOrder? {
    guard let head = read(8), let length = try? lengthOfMessage(head), let message = read(length) else { return nil }
    return try? RehearsalOrder(message[...])
  }

  private func lengthOfMessage(_ head: [UInt8]) throws(MalformedMessage) -> Int {
    var reader = WireReader(head[...])
    return Int(clamping: try reader.number())
  }

  private func read(_ count: Int) -> [UInt8]? {
    var bytes: [UInt8] = []
    while bytes.count < count {
      var piece = [UInt8](repeating: 0, count: min(count - bytes.count, 1 << 20))
      let received = Glibc.read(Self.connection, &piece, piece.count)
      guard received > 0 || errno == EINTR else { return nil }
      bytes += piece[..<max(received, 0)]
    }
    return bytes
  }
}
