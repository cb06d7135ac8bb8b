internal import AmbitCore
package import AmbitRuntime
internal import AmbitSystem
internal import CAmbit
internal import Synchronization

// The lifecycle calls: the plugin's `start`, `save` and `stop`.

extension PluginGeneration {
  /// Runs the plugin's `start` and waits for it, unless `isStopping` says that the host is to stop. After `timeout` its
  /// waits are cancelled; nil for no limit.
  package func start(
    from handedOver: HandedOverState?, timeout: Duration? = nil, unless isStopping: () -> Bool = { false }
  ) throws(PluginError) {
    wasStarted.store(true, ordering: .relaxed)
    guard let start = plugin.declaration.start else { return }
    defer { CrashReport.reclaimSignals(from: label) }
    try call("start", timeout: timeout, unless: isStopping) { shard in
      shard.pointee.generation!.pointee.isStarting = true
      shard.pointee.generation!.pointee.handedOver = handedOver
    } _: { scope in
      start(scope)
    } then: { shard in
      shard.pointee.generation!.pointee.isStarting = false
      shard.pointee.generation!.pointee.handedOver = nil
    }
  }

  /// Runs the plugin's `save` while it serves on, and waits for it as `start` does.
  /// - Returns: what it hands over; nil if that is nothing.
  package func save(timeout: Duration, unless isStopping: () -> Bool) throws(PluginError) -> HandedOverState? {
    guard let save = plugin.declaration.save else { return nil }
    let saved = SavedState()
    try call("save", timeout: timeout, unless: isStopping) { shard in
      shard.pointee.generation!.pointee.isSaving = true
    } _: { scope in
      save(scope)
    } then: { shard in
      let generation = shard.pointee.generation!
      generation.pointee.isSaving = false
      saved.state.withLock { $0 = generation.pointee.saved }
      generation.pointee.saved = nil
    }
    return saved.state.withLock { $0 }
  }

  private final class SavedState: Sendable {
    let state = Mutex<HandedOverState?>(nil)
  }

  /// Whether a lifecycle call runs. After a call that timed out, it still runs and its thread is leaked.
  package var isInLifecycleCall: Bool { lifecycleCall.withLock { $0 != nil } }

  /// - Throws: if a lifecycle call still runs.
  package func throwDuringLifecycleCall() throws(PluginError) {
    guard let call = lifecycleCall.withLock({ $0 }) else { return }
    let since = Timestamp.text(of: call.since)
    throw error("\(call.name) has not returned since \(since): the plugin is not reloaded until the call returns")
  }

  /// Runs a lifecycle function as a job in the plugin's scope, on a thread of its own, and waits for it. `prepare` runs
  /// before it and `finish` after it, on the first loop.
  private func call(
    _ name: StaticString, timeout: Duration?, unless isStopping: () -> Bool,
    preparing prepare: @escaping @Sendable (ScopePointer) -> Void,
    _ function: @escaping @Sendable (UnsafeMutablePointer<ambit_scope>) -> Int32,
    then finish: @escaping @Sendable (ScopePointer) -> Void
  ) throws(PluginError) {
    try throwDuringLifecycleCall()
    lifecycleCall.withLock { $0 = (name, Clock.wall) }
    ClosedDescriptors.restoreStreams()
    let latch = Latch<CallResult>()
    let began = Clock.monotonic
    onFirstLoop(name, timeout: timeout?.wholeNanoseconds ?? -1, preparing: prepare, function) { [self] shard, code in
      finish(shard)
      lifecycleCall.withLock { $0 = nil }
      latch.arrive(CallResult(code: code, reason: JobPointer.ofThisThread?.failureText ?? "", duration: Clock.monotonic - began))
    }
    defer { ClosedDescriptors.restoreStreams(closedBy: "\(name)", of: label) }
    let patience = timeout.map { ($0 + Self.returnGrace).wholeNanoseconds } ?? .max
    guard let result = latch.wait(timeout: patience, unless: isStopping)?.first else {
      if isStopping() { throw error("\(name) was given up, as the host is to stop") }
      throw error("\(name) has not returned after \((timeout! + Self.returnGrace).shortText)")
    }
    let status = Status(rawValue: result.code)
    if status == .cancelled, let timeout, result.duration >= timeout.wholeNanoseconds {
      throw error("\(name) did not finish within \(timeout.shortText)")
    }
    guard status == .ok else { throw error("\(name) returned \(status)\(result.reason)") }
  }

  /// How long a function whose waits were cancelled may take to return.
  private static var returnGrace: Duration { .seconds(1) }

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

  /// Calls a function of the plugin as a job in its scope on the first loop, on a thread of its own; its waits fail after
  /// `timeout` nanoseconds, negative for never. `prepare` runs before it, on the loop. The log calls the job `name`.
  func onFirstLoop(
    _ name: StaticString, timeout: Int64 = -1, preparing prepare: @escaping @Sendable (ScopePointer) -> Void = { _ in },
    _ function: @escaping @Sendable (UnsafeMutablePointer<ambit_scope>) -> Int32,
    then completion: @escaping @Sendable (ScopePointer, Int32) -> Void
  ) {
    loops.loops[0].post { [record] _ in
      record.value.pointee.shards[0].callPlugin(name, timeout: timeout, preparing: prepare, function, then: completion)
    }
  }
}
