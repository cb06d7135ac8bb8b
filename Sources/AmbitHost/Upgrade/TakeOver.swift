internal import AmbitCore
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem
internal import Synchronization

/// What a supervisor hands to the program that replaces it: see `Host.upgrade`. The new program reads it before
/// anything else, and hands it back if it cannot start.
package struct TakeOver: Codable, Sendable {
  /// The number of this format. Raise it whenever this type or one that it contains changes: both programs must have the
  /// same declarations, see `MessageEncoder`. Raise it also if `WorkerOrder.newWorkersServe` changes, which the workers of
  /// the program before get. Programs with different numbers do not replace each other.
  static var format: Int { 2 }
  /// The variable that holds the number of the descriptor with the value.
  private static var variable: String { "AMBIT_TAKE_OVER" }

  struct Listener: Codable, Sendable {
    let socket: ListeningSocket.Legacy
    /// The entry of `listen`: its address in canonical text; nil if none names the socket.
    let address: String?
    let rights: SocketRights?
    /// A socket of the service manager that nobody accepts from.
    let isUnused: Bool
  }

  struct Worker: Codable, Sendable {
    let index: Int
    let pid: Int32
    /// `ProcessMark.description`.
    let mark: String
    /// It finishes its requests already, and ends.
    let isDraining: Bool
    /// The descriptor of the supervisor's end of the connection; nil if it was closed. A worker that serves drains and
    /// ends when it is closed.
    let connection: Int32?
  }

  struct PluginState: Codable, Sendable {
    let plugin: String
    let worker: Int
    let state: HandedOverState
  }

  let order: UpgradeOrder
  /// The version and the path of the program that hands over, and the descriptor of its file.
  let version: String
  let program: String
  let programFile: Int32
  /// When the host was started, and when the upgrade began: nanoseconds since 1970.
  let hostBegan: Int64
  let began: Int64
  /// When the upgrade began: monotonic nanoseconds.
  let start: Int64
  /// How long the start of the new program may take, in nanoseconds.
  let startLimit: Int64
  /// The configuration that was in use.
  let configuration: ConfigurationText
  let listeners: [Listener]
  /// All workers that have not ended, also those of programs before.
  var workers: [Worker]
  /// The crashes of each place of a worker, from the first.
  let crashes: [Int]
  let generationNumbers: [String: UInt64]
  let states: [PluginState]
  /// Why the new program did not start; empty in that program itself.
  var failure: [String] = []

  private var descriptors: [Int32] {
    [programFile] + listeners.flatMap { [$0.socket.descriptor, $0.socket.relay] } + workers.compactMap(\.connection)
  }
}

// From one program to the next.

extension TakeOver {
  /// Runs `next` in place of this program, which hands this value over. From any thread; returns only if that fails.
  func run(_ next: String) -> SystemError {
    do throws(SystemError) {
      let file = try MemoryFile.make("ambit-take-over", MessageEncoder.encode(self))
      defer { ProgramReplacement.close(file) }
      var environment = HostProcess.environment.merging(ServiceManager.ofProcess.variables) { $1 }
      environment[Self.variable] = "\(file)"
      LineOutput.standardError.flush(within: 1_000_000_000)
      return ProgramReplacement.run(next, environment: environment, keeping: descriptors + [file])
    } catch {
      return error
    }
  }

  /// What the program before this one has handed over; nil if this one was started in another way. Takes its variable
  /// out of the environment. Call it once, before other threads are started and other files are opened.
  package static func receive() -> TakeOver? {
    guard let text = HostProcess.takeVariables([variable])[variable], let file = Int32(text),
      let bytes = MemoryFile.read(file)
    else { return nil }
    ProgramReplacement.takeOver(file)
    ProgramReplacement.close(file)
    guard let value = try? MessageDecoder.decode(TakeOver.self, from: bytes[...]) else { return nil }
    for descriptor in value.descriptors { ProgramReplacement.takeOver(descriptor) }
    return value
  }

  /// Whether the program that runs is the one that had begun the upgrade: the new one has failed.
  var isFallBack: Bool { !failure.isEmpty }

  /// Runs the program again that has handed over, because this one cannot start. From any thread.
  ///
  /// Returns if this is that program already, or if it cannot be run: then the process has to end.
  package func fallBack(because error: HostError) { fallBack(because: error, workers: workers) }

  /// The same when processes are supervised already: some may have ended and were reaped.
  func fallBack(because error: HostError, supervising children: ChildProcesses) {
    children.withoutChanges { processes in
      let living = Set(processes.map(\.number))
      fallBack(because: error, workers: workers.filter { living.contains($0.pid) })
    }
  }

  /// The configuration to start with in place of what the file says: that in use before the upgrade. The file may have
  /// been what the new program could not start with.
  package var text: ConfigurationText? { isFallBack ? configuration : nil }

  /// It is tried once: afterwards the descriptors may be closed.
  private static let hasFallenBack = Atomic<Bool>(false)

  private func fallBack(because error: HostError, workers: [Worker]) {
    guard !isFallBack, !Self.hasFallenBack.exchange(true, ordering: .relaxed) else { return }
    var handedBack = self
    (handedBack.workers, handedBack.failure) = (workers, error.lines)
    let failure = handedBack.run(ProgramReplacement.path(of: programFile, named: program))
    StandardStreams.writeError("error: the program before this one cannot be run again: \(failure)\n")
  }
}

/// An order to replace the program of the host.
struct UpgradeOrder: Codable, Sendable {
  /// Counts the orders since the host was started.
  let number: Int
  /// The absolute path of the new program.
  let program: String
}
