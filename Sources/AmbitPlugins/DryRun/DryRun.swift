import AmbitCore
import AmbitRuntime
package import AmbitSystem
import Glibc

/// Tries plugins in a child process before the host loads them. When a constructor, `start` or `stop` crashes, exits or
/// hangs there, only the child is lost. For the control thread.
///
/// One child tries plugins one after the other, because starting a child takes longer than most dry runs. A plugin that
/// fails takes its child with it, and the next plugin gets a new child.
package final class DryRun {
  /// Takes what a child writes or logs, for the host's log.
  package typealias Log = (RelayLogHandler.Event) -> Void

  private let program: String
  private let limits: DryRunLimits
  private let timeout: Duration
  private let isStopping: () -> Bool
  private let log: Log
  private var process: DryRunProcess?

  /// - Parameters:
  ///   - program: The host's own binary.
  ///   - limits: The limits of the child's runtime.
  ///   - timeout: How long the dry run of one plugin may take.
  ///   - isStopping: Whether the host is to stop: then a dry run is abandoned.
  package init(
    program: String = HostProcess.binary, limits: DryRunLimits, timeout: Duration,
    isStopping: @escaping () -> Bool = { false }, log: @escaping Log
  ) {
    self.program = program
    self.limits = limits
    self.timeout = timeout
    self.isStopping = isStopping
    self.log = log
  }

  /// Loads, starts and stops a plugin in the child. A library that is no plugin is loaded there, and the functions of
  /// its configured routes are looked up. Blocks for `timeout` at most, the time that `inputs` takes not counted.
  ///
  /// A child that has tried other plugins before may fail because of what one of them left, so the failure of such a
  /// child counts only if it happens again in a new one.
  /// - Parameter inputs: Gives what the plugin's `start` finds. Called once the manifest is known; if it returns nil,
  ///   the plugin is loaded and not started.
  /// - Throws: why the plugin cannot be used.
  package func run(
    _ copy: PluginCopy, inputs: (PluginManifest) throws(PluginError) -> DryRunInputs?
  ) throws(PluginError) -> DryRunResult {
    if let process {
      do throws(PluginError) {
        if case .passed(let result) = try attempt(copy, in: process, inputs: inputs) { return result }
      } catch {
        // The libraries of other plugins may have used up the loader's room for static thread-local storage.
        guard error.problems.contains(where: { $0.code == .notLoadable }) else { throw error }
      }
    }
    do throws(FileError) {
      process = try DryRunProcess(program, confinedBy: limits.confinement)
    } catch {
      throw PluginError(.dryRunFailed, copy.file, "cannot start a process for its dry run: \(error)")
    }
    process!.send(.begin(limits))
    switch try attempt(copy, in: process!, inputs: inputs) {
    case .passed(let result): return result
    case .lost(let error): throw error
    }
  }

  private enum Attempt {
    case passed(DryRunResult)
    /// The child is gone.
    case lost(PluginError)
  }

  private func attempt(
    _ copy: PluginCopy, in process: DryRunProcess, inputs: (PluginManifest) throws(PluginError) -> DryRunInputs?
  ) throws(PluginError) -> Attempt {
    var session = DryRunSession(of: copy, timeout: timeout)
    process.send(
      .load(copy: copy.path, file: copy.file, hash: copy.hash?.description, after: copy.openedBefore))
    while true {
      switch process.next(until: session.deadline, unless: isStopping) {
      case .line(let text) where session.tookCrash(text): break
      case .line(let text): session.admitted(session.event(of: text)).map(log)
      case .reply(.log(let event)): session.admitted(event).map(log)
      case .reply(.began(let step)): session.step = step
      case .reply(.manifest(let manifest)):
        process.send(session.answer(to: manifest, inputs: inputs))
      case .reply(.passed(let images, let warnings)):
        return .passed(DryRunResult(manifest: try session.result(), functionImages: images, warnings: warnings))
      case .reply(.refused(let problems)):
        // What its `start` has begun may still run there.
        if session.step == .start { self.process = nil }
        throw PluginError(problems: problems).naming(copy.dependencies)
      case .reply(.cannotRun(let reason)):
        self.process = nil
        throw session.error("its process cannot run as workers do: \(reason)")
      case .malformed:
        self.process = nil
        return .lost(session.error("something wrote to the host's own descriptors"))
      case .ended(let end):
        self.process = nil
        return .lost(session.error(session.reason(of: end)))
      case .closedDescriptors:
        self.process = nil
        return .lost(session.error(DryRunDeath.closedDescriptors(by: session.subject)))
      case .timedOut:
        self.process = nil
        throw session.error(
          "did not finish within \(timeout.shortText)\(session.place); raise dry_run_timeout if it needs longer")
      case .givenUp:
        self.process = nil
        throw session.error("aborted because the host is stopping")
      }
    }
  }
}

/// What a dry run yields of a plugin or library that has passed: a plain value.
package struct DryRunResult: Sendable, Equatable {
  package let manifest: PluginManifest
  /// Of a library: for each of its configured routes the file of the image that has the function, as the loader names
  /// it. That can be another library, whose functions this one passes on.
  package let functionImages: [String]
  /// What the plugin's author should change although it can be used, a line each.
  package let warnings: [String]
}
