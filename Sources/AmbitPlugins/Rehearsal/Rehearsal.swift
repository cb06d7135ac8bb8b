import AmbitCore
package import AmbitRuntime
import Glibc

/// Tries plugins in a child process before the host loads them: whatever a constructor, `start` or `stop` does there,
/// crash, exit or never return, costs the child only. For the control thread.
///
/// One child rehearses plugins one after the other, for starting one takes longer than most rehearsals. One that fails
/// takes its child with it; the next plugin gets a new one.
package final class Rehearsal {
  /// What a child writes or logs, for the host's log.
  package typealias Log = (RelayLogHandler.Event) -> Void

  private let program: String
  private let runtime: RehearsalRuntime
  private let limit: Duration
  private let isStopping: () -> Bool
  private let log: Log
  private var process: RehearsalProcess?

  /// - Parameters:
  ///   - program: The host's own binary.
  ///   - limit: How long a plugin's rehearsal may take.
  ///   - isStopping: Whether the host is to stop: a rehearsal is given up then.
  package init(
    program: String = HostProcess.binary, runtime: RehearsalRuntime, limit: Duration,
    isStopping: @escaping () -> Bool = { false }, log: @escaping Log
  ) {
    self.program = program
    self.runtime = runtime
    self.limit = limit
    self.isStopping = isStopping
    self.log = log
  }

  /// Loads, starts and stops a plugin in the child; a library that is no plugin is loaded there, and the functions of the
  /// cast's routes are looked up in it. Blocks, at most for the limit beside what `cast` takes.
  ///
  /// A child that has rehearsed others before may fail because of what one of them left, so its failure counts only if
  /// it happens again in a new one.
  /// - Parameter cast: what its `start` finds, asked for once its name is known; nil to leave it at loading.
  /// - Throws: why the plugin cannot be used.
  package func rehearse(
    _ copy: PluginCopy, cast: (PluginManifest) throws(PluginRefusal) -> RehearsalCast?
  ) throws(PluginRefusal) -> RehearsedPlugin {
    if let process, case .passed(let result) = try perform(copy, in: process, cast: cast) { return result }
    do throws(FileError) {
      process = try RehearsalProcess(program)
    } catch {
      throw PluginRefusal(.rehearsalFailed, copy.file, "no process for its dry run: \(error)")
    }
    process!.send(.begin(runtime))
    switch try perform(copy, in: process!, cast: cast) {
    case .passed(let result): return result
    case .lost(let refusal): throw refusal
    }
  }

  private enum Result {
    case passed(RehearsedPlugin)
    /// The child is gone.
    case lost(PluginRefusal)
  }

  private func perform(
    _ copy: PluginCopy, in process: RehearsalProcess,
    cast: (PluginManifest) throws(PluginRefusal) -> RehearsalCast?
  ) throws(PluginRefusal) -> Result {
    var performance = Performance(of: copy, limit: limit)
    process.send(
      .load(copy: copy.path, file: copy.file, hash: copy.hash?.description, after: copy.openedBefore))
    while true {
      switch process.next(until: performance.deadline, unless: isStopping) {
      case .line(let text) where performance.tookCrash(text): break
      case .line(let text): performance.admitted(performance.event(of: text)).map(log)
      case .reply(.log(let event)): performance.admitted(event).map(log)
      case .reply(.began(let step)): performance.step = step
      case .reply(.manifest(let manifest)):
        process.send(performance.order(for: manifest, cast: cast))
      case .reply(.passed(let images)):
        return .passed(RehearsedPlugin(manifest: try performance.result(), functionImages: images))
      case .reply(.refused(let errors)):
        // What its `start` has begun may still be at work there.
        if performance.step == .start { self.process = nil }
        throw PluginRefusal(errors: errors).naming(copy.dependencies)
      case .malformed:
        self.process = nil
        return .lost(performance.refusal("something wrote into descriptors that are the host's"))
      case .ended(let end):
        self.process = nil
        return .lost(performance.refusal(performance.reason(of: end)))
      case .timedOut:
        self.process = nil
        throw performance.refusal("did not finish within \(limit.shortText)\(performance.place)")
      case .givenUp:
        self.process = nil
        throw performance.refusal("given up, as the host is to stop")
      }
    }
  }
}

/// What is known of a plugin or library that has passed.
package struct RehearsedPlugin: Sendable {
  package let manifest: PluginManifest
  /// Of a library: the file of the image that each function of the cast's routes lies in, as the loader names it. That
  /// can be another library, whose functions it passes on.
  package let functionImages: [String]
}
