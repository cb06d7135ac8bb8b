import AmbitCore
import AmbitRuntime
import Glibc

/// The rehearsal of one plugin, as far as it has come.
struct Performance {
  private let copy: PluginCopy
  /// When it must be over: monotonic, nanoseconds.
  private(set) var deadline: Int64
  /// What runs; nil as long as the child has not begun.
  var step: RehearsalStep?
  private var manifest: PluginManifest?
  /// Why the host wants no more of the plugin, although nothing has failed in the child.
  private var objection: PluginRefusal?
  /// The signal and the place of a crash, as the child has written them last.
  private var crash: String?
  /// Of its lines and log events, how many have come.
  private var eventCount = 0

  init(of copy: PluginCopy, limit: Duration) {
    self.copy = copy
    deadline = Clock.monotonic + limit.wholeNanoseconds
  }

  /// What the child is to do with a plugin of which it has sent the manifest. The time that `cast` takes is the host's.
  mutating func order(
    for manifest: PluginManifest, cast: (PluginManifest) throws(PluginRefusal) -> RehearsalCast?
  ) -> RehearsalOrder {
    self.manifest = manifest
    let began = Clock.monotonic
    defer { deadline += Clock.monotonic - began }
    do throws(PluginRefusal) {
      return try cast(manifest).map { .start($0) } ?? .pass
    } catch {
      objection = error
      return .pass
    }
  }

  /// What a plugin has come to with which the child is done.
  func result() throws(PluginRefusal) -> PluginManifest {
    if let objection { throw objection }
    guard let manifest else { throw refusal("its process did not say what it contains") }
    return manifest
  }

  func refusal(_ reason: String) -> PluginRefusal {
    PluginRefusal(errors: [
      PluginError(code: .rehearsalFailed, plugin: name, file: copy.file.path, reason: "dry run: \(reason)")
    ])
  }

  func reason(of end: ProcessEnd) -> String {
    let subject = step?.subject ?? "the process"
    return switch end {
    case .exited(let code): "\(subject) called exit(\(code))"
    case .signalled(SIGABRT): "\(subject) called abort (SIGABRT)"
    case .signalled(let number): "\(subject) crashed: \(crash(by: ProcessEnd.name(ofSignal: number)))"
    }
  }

  /// The signal that has ended the child, with the place if the child has told of that signal.
  private func crash(by signal: String) -> String {
    guard let crash, crash.hasPrefix(signal) else { return signal }
    // The loader knows the library by a name that nobody else has seen.
    let name = copy.path.split(separator: "/").last.map(String.init) ?? ""
    return crash.replacing(name, with: copy.file.path.split(separator: "/").last.map(String.init) ?? name)
  }

  /// Whether a line of the output was the child's own, about its crash; then it is kept for the reason.
  mutating func tookCrash(_ line: String) -> Bool {
    guard let place = CrashReport.dryRunPlace(in: line) else { return false }
    crash = place
    return true
  }

  /// Where the time has gone, as the end of a sentence.
  var place: String { step.map { " (\($0.place))" } ?? "" }

  /// A line that the plugin wrote by itself, as an event of the log.
  func event(of line: String) -> RelayLogHandler.Event { event(level: "info", line) }

  /// What is to be logged of an event: no plugin gets more than so many into the log, however much it says.
  mutating func admitted(_ event: RelayLogHandler.Event) -> RelayLogHandler.Event? {
    eventCount += 1
    if eventCount <= Self.greatestEventCount { return event }
    guard eventCount == Self.greatestEventCount + 1 else { return nil }
    return self.event(
      level: "warning", "wrote more than \(Self.greatestEventCount) lines in its dry run: the rest is left out")
  }

  private static let greatestEventCount = 1000

  private func event(level: String, _ message: String) -> RelayLogHandler.Event {
    .init(level: level, message: message, fields: [.init(key: LogField.plugin, value: "\(name)/rehearsal")])
  }

  private var name: String { manifest?.name ?? copy.file.stem }
}
