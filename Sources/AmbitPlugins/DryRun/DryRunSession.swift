import AmbitCore
import AmbitRuntime
import AmbitSystem
import Glibc

/// The dry run of one plugin: what the host knows of it so far.
struct DryRunSession {
  private let copy: PluginCopy
  /// When it must have ended: monotonic, nanoseconds.
  private(set) var deadline: Int64
  /// What runs now; nil before the child has begun.
  var step: DryRunStep?
  private var manifest: PluginManifest?
  /// Why the host refuses the plugin although nothing has failed in the child.
  private var hostError: PluginError?
  /// The signal and place of a crash, as the child has reported them last.
  private var crash: String?
  private var output = DryRunOutput()
  /// How many lines and log events have come.
  private var eventCount = 0

  init(of copy: PluginCopy, timeout: Duration) {
    self.copy = copy
    deadline = Clock.monotonic + timeout.wholeNanoseconds
  }

  /// What the child is to do after it has sent the manifest. The time that `inputs` takes extends the deadline.
  mutating func answer(
    to manifest: PluginManifest, inputs: (PluginManifest) throws(PluginError) -> DryRunInputs?
  ) -> DryRunRequest {
    self.manifest = manifest
    let began = Clock.monotonic
    defer { deadline += Clock.monotonic - began }
    do throws(PluginError) {
      return try inputs(manifest).map { .start($0) } ?? .pass
    } catch {
      hostError = error
      return .pass
    }
  }

  /// The manifest of a plugin that the child has finished with.
  /// - Throws: why the host refuses the plugin all the same.
  func result() throws(PluginError) -> PluginManifest {
    if let hostError { throw hostError }
    guard let manifest else { throw error("its process did not report the plugin's entry") }
    return manifest
  }

  func error(_ reason: String) -> PluginError {
    PluginError(problems: [
      PluginProblem(code: .dryRunFailed, plugin: name, file: copy.file.path, reason: "dry run: \(reason)")
    ])
  }

  /// Why the plugin is refused whose child has ended by itself.
  func reason(of death: DryRunDeath) -> String {
    death.reason(subject: subject, crash: crash.map(inOperatorsWords), output: output)
  }

  /// The loader knows the library by the name of its private copy, which the operator has never seen.
  private func inOperatorsWords(_ crash: String) -> String {
    let name = copy.path.split(separator: "/").last.map(String.init) ?? ""
    return crash.replacing(name, with: copy.file.path.split(separator: "/").last.map(String.init) ?? name)
  }

  /// Whether `line` was written by the child's crash handler. The crash is kept for the error text then.
  mutating func tookCrash(_ line: String) -> Bool {
    guard let place = CrashReport.dryRunPlace(in: line) else { return false }
    crash = place
    return true
  }

  /// The code that runs now.
  var subject: String { step?.subject ?? "the process" }

  /// What the time was spent in, as the end of a sentence.
  var place: String { step.map { " (\($0.place))" } ?? "" }

  /// A line that the plugin wrote to its output, as an event of the log. It is kept for the error text.
  mutating func event(of line: String) -> RelayLogHandler.Event {
    output.take(line)
    return event(level: "info", line)
  }

  /// The event to log, if any: after `maximumEventCount` events of one plugin the rest is dropped with one warning.
  mutating func admitted(_ event: RelayLogHandler.Event) -> RelayLogHandler.Event? {
    eventCount += 1
    if eventCount <= Self.maximumEventCount { return event }
    guard eventCount == Self.maximumEventCount + 1 else { return nil }
    return self.event(
      level: "warning", "wrote more than \(Self.maximumEventCount) lines in its dry run: the rest is left out")
  }

  private static let maximumEventCount = 1000

  private func event(level: String, _ message: String) -> RelayLogHandler.Event {
    .init(level: level, message: message, fields: [.init(key: LogField.plugin, value: "\(name)/dry-run")])
  }

  private var name: String { manifest?.name ?? copy.file.stem }
}
