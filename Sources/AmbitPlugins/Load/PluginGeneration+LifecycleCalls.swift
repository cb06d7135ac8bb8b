internal import AmbitCore
package import AmbitRuntime
internal import AmbitSystem
internal import CAmbit
internal import Synchronization

// The lifecycle calls: the plugin's `start`, `save` and `stop`.

extension PluginGeneration {
  /// Runs the plugin's `start` and waits for it, or until `isStopping` returns true. After `timeout` its waits are
  /// cancelled; nil means no limit.
  package func start(
    from handedOver: HandedOverState?, timeout: Duration? = nil, unless isStopping: () -> Bool = { false }
  ) throws(PluginError) {
    wasStarted.store(true, ordering: .relaxed)
    guard let start = unsafe plugin.declaration.start else { return }
    defer { Signals.reclaim(from: label) }
    try call(unsafe .handler(start), named: "start", timeout: timeout, unless: isStopping) { record in
      record.beginStart(handedOver)
    } then: { record in
      record.endStart()
    }
  }

  /// Runs the plugin's `save`, while the generation goes on serving, and waits for it as `start` does.
  /// - Returns: the state that it hands over, if any.
  package func save(timeout: Duration, unless isStopping: () -> Bool) throws(PluginError) -> HandedOverState? {
    guard let save = unsafe plugin.declaration.save else { return nil }
    let saved = SavedState()
    try call(unsafe .handler(save), named: "save", timeout: timeout, unless: isStopping) { record in
      record.beginSave()
    } then: { record in
      let state = record.endSave()
      saved.state.withLock { $0 = state }
    }
    return saved.state.withLock { $0 }
  }

  private final class SavedState: Sendable {
    let state = Mutex<HandedOverState?>(nil)
  }

  /// Whether a lifecycle call runs. After a call that timed out, it still runs and its thread is leaked.
  package var isInLifecycleCall: Bool { lifecycleCall.withLock { $0 != nil } }

  /// The lifecycle call that runs, and for how long, in nanoseconds; nil if none does. From any thread.
  package var runningCall: (name: String, age: Int64)? {
    lifecycleCall.withLock { $0 }.map { ("\($0.name)", Clock.wall - $0.since) }
  }

  /// - Throws: if a lifecycle call still runs.
  package func throwDuringLifecycleCall() throws(PluginError) {
    guard let call = lifecycleCall.withLock({ $0 }) else { return }
    let since = Timestamp.text(of: call.since)
    throw error("\(call.name) has not returned since \(since): the plugin is not reloaded until the call returns")
  }

  /// Runs a lifecycle function as a job in the plugin's scope, on a thread of its own, and waits for it. `prepare` runs
  /// before it and `finish` after it, on the first loop.
  private func call(
    _ function: GenerationRecord.LifecycleFunction, named name: StaticString, timeout: Duration?,
    unless isStopping: () -> Bool, preparing prepare: @escaping @Sendable (GenerationRecord) -> Void,
    then finish: @escaping @Sendable (GenerationRecord) -> Void
  ) throws(PluginError) {
    try throwDuringLifecycleCall()
    lifecycleCall.withLock { $0 = (name, Clock.wall) }
    ClosedDescriptors.restoreStreams()
    let latch = Latch<CallResult>()
    let began = Clock.monotonic
    record.call(
      function, named: name, timeout: timeout?.wholeNanoseconds ?? -1, preparing: prepare
    ) { [self] record, code in
      finish(record)
      lifecycleCall.withLock { $0 = nil }
      latch.arrive(
        CallResult(
          code: code, reason: unsafe JobPointer.ofThisThread?.failureText(for: code) ?? "",
          duration: Clock.monotonic - began))
    }
    defer { ClosedDescriptors.restoreStreams(closedBy: "\(name)", of: label) }
    let limit = timeout.map { ($0 + Self.returnTimeout).wholeNanoseconds } ?? .max
    guard let result = latch.wait(timeout: limit, unless: isStopping)?.first else {
      if isStopping() { throw error("\(name) has not returned, and is not waited for any more") }
      throw error("\(name) has not returned after \((timeout! + Self.returnTimeout).shortText)")
    }
    let status = Status(rawValue: result.code)
    if status == .cancelled, let timeout, result.duration >= timeout.wholeNanoseconds {
      throw error("\(name) did not finish within \(timeout.shortText)")
    }
    guard status == .ok else { throw error("\(name) returned \(status.constant)\(result.reason)") }
  }

  /// How long a function whose waits were cancelled may take to return.
  private static var returnTimeout: Duration { .seconds(1) }

  private struct CallResult: Sendable {
    let code: Int32
    let reason: String
    let duration: Int64
  }

  func error(_ reason: String) -> PluginError {
    PluginError(problems: [
      PluginProblem(code: .startFailed, plugin: plugin.declaration.name, file: plugin.copy.file.path, reason: reason)
    ])
  }
}
