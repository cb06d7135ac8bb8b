internal import AmbitCore
internal import AmbitRuntime
internal import AmbitSystem
internal import CAmbit

/// The record that the scopes of a generation share, with the plugin's scope on each loop. All pointers of this target
/// into the runtime's records are followed here.
///
/// Its functions are for the control thread, unless they say otherwise.
@safe
struct GenerationRecord: Sendable {
  /// A function that the plugin's entry declares beside its handlers.
  @safe
  enum LifecycleFunction {
    case handler(ambit_handler)
    case stop(ambit_stop_fn)
  }

  private let record: Unchecked<GenerationPointer>
  private let loops: LoopGroup
  /// What the generation uses of what `PluginLimits` limits.
  let use: GenerationUse

  /// - Parameters:
  ///   - label: "hello/3".
  ///   - plugin: The plugin's name.
  ///   - imageAddress: An address in the plugin's library.
  ///   - isLibrary: It is a library that is no plugin.
  init(
    label: String, of plugin: String, limits: PluginLimits, settings: [String: String], runsOnThreads: Bool,
    isLibrary: Bool, usesSwift: Bool, imageAddress: UInt, loops: LoopGroup
  ) {
    let shards = UnsafeMutableBufferPointer<ScopePointer>.allocate(capacity: loops.loops.count)
    let table = SettingsTable(settings.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    use = GenerationUse(
      of: plugin, label: label, limits: limits, loops: loops.loops.count, watch: loops.limitWatch)
    let pointer = GenerationPointer.allocate(capacity: 1)
    unsafe pointer.initialize(
      to: Generation(
        label: label, settings: table, runsOnThreads: runsOnThreads, isLibrary: isLibrary, usesSwift: usesSwift,
        use: use, shards: shards))
    unsafe pointer.pointee.imageAddress = imageAddress
    unsafe record = Unchecked(pointer)
    self.loops = loops
  }

  /// Lets the plugin find the extension `ambit.dry_run/1`.
  func markDryRun() { unsafe record.value.pointee.isDryRun = true }

  /// An entry point of the generation.
  func entryPoint(_ function: EntryPoint.Function, isBlocking: Bool, stackSize: Int) -> EntryPoint {
    unsafe EntryPoint(function, isBlocking: isBlocking, stackSize: stackSize, generation: record.value)
  }

  // MARK: The plugin's scope on each loop

  /// Opens the scope of `plugin` on each loop. Waits at most `timeout` nanoseconds, or until `isStopping` returns true.
  /// `ended` is called on each loop once the scope there has ended and nothing of it runs any more.
  /// - Returns: whether the scope is open on all loops. A loop that is blocked opens it later.
  func openShards(
    of plugin: String, within timeout: Int64, unless isStopping: () -> Bool, ended: @escaping @Sendable () -> Void
  ) -> Bool {
    unsafe record.value.pointee.shardEnded = ended
    unsafe record.value.pointee.onceJobs = loops.onceJobs.add(generationOf: plugin)
    let opened = unsafe loops.onEach(within: timeout, unless: isStopping) { [record] loop in
      unsafe record.value.openShard(on: loop)
      return true
    }
    return opened.count == loops.loops.count
  }

  /// Cancels the scope on each loop. Does not wait. If `isUrgent`, also jobs that compute notice it; the scope must be
  /// open on each loop then.
  func cancel(_ cause: Cause, isUrgent: Bool) { unsafe onEachShard(isUrgent) { unsafe $0.cancel(cause) } }

  /// The same for a generation that may end meanwhile. `guarded` runs its argument, which reads the record, unless the
  /// record was released.
  func cancel(_ cause: Cause, isUrgent: Bool, guarded: @escaping @Sendable (() -> Bool) -> Bool) {
    let work: @Sendable (LoopPointer) -> Void = unsafe { [record] loop in
      // An open scope keeps the record, and only its own loop closes it.
      let isOpen = guarded { unsafe record.value.pointee.shards[loop.pointee.index].pointee.isOpen }
      if isOpen { unsafe record.value.pointee.shards[loop.pointee.index].cancel(cause) }
    }
    if isUrgent { unsafe loops.postUrgentToEach(work) } else { unsafe loops.postToEach(work) }
  }

  /// Lets the scope on each loop end after its last request, or after `drain` nanoseconds; then `drained` is called
  /// there. Jobs with `AMBIT_JOB_ONCE` are cancelled at once. Does not wait.
  func retire(drain: Int64, isUrgent: Bool, drained: @escaping @Sendable () -> Void) {
    unsafe record.value.pointee.shardDrained = drained
    unsafe record.value.pointee.onceJobs?.retire()
    unsafe onEachShard(isUrgent) { unsafe $0.retire(drain: drain) }
  }

  /// Closes the scope on each loop; then `closed` is called there. Does not wait.
  func close(closed: @escaping @Sendable () -> Void) {
    unsafe record.value.pointee.shardClosed = closed
    unsafe onEachShard(false) { unsafe $0.close() }
  }

  private func onEachShard(_ isUrgent: Bool, _ work: @escaping @Sendable (ScopePointer) -> Void) {
    if isUrgent {
      unsafe loops.postUrgentToEach { [record] loop in
        unsafe work(record.value.pointee.shards[loop.pointee.index])
      }
    } else {
      unsafe loops.postToEach { [record] loop in unsafe work(record.value.pointee.shards[loop.pointee.index]) }
    }
  }

  /// The requests and jobs of the generation on `loop`. On that loop.
  func load(on loop: LoopPointer) -> GenerationLoad { unsafe record.value.load(on: loop) }

  /// How many requests of the generation have begun on `loop`. On that loop.
  func begunRequests(on loop: LoopPointer) -> Int { unsafe record.value.begunRequests(on: loop) }

  // MARK: Lifecycle calls

  /// Calls `function` as a job in the plugin's scope on the first loop, on a thread of its own. Does not wait. Its
  /// waits fail after `timeout` nanoseconds, negative for never. The log calls the job `name`. `prepare` runs before it
  /// and `completion` after it, with its return value, both on the loop.
  func call(
    _ function: LifecycleFunction, named name: StaticString, timeout: Int64 = -1,
    preparing prepare: @escaping @Sendable (GenerationRecord) -> Void = { _ in },
    then completion: @escaping @Sendable (GenerationRecord, Int32) -> Void
  ) {
    unsafe loops.loops[0].post { [self] _ in
      unsafe record.value.pointee.shards[0].callPlugin(name, timeout: timeout) { _ in
        prepare(self)
      } _: { scope in
        switch function {
        case .handler(let handler): return unsafe handler(scope)
        case .stop(let stop):
          unsafe stop(scope)
          return Status.ok.rawValue
        }
      } then: { _, code in
        completion(self, code)
      }
    }
  }

  /// `start` is about to run and may take over what the previous generation handed over. On the first loop.
  func beginStart(_ handedOver: HandedOverState?) {
    unsafe record.value.pointee.isStarting = true
    unsafe record.value.pointee.handedOver = handedOver
  }

  /// `start` has returned. On the first loop.
  func endStart() {
    unsafe record.value.pointee.isStarting = false
    unsafe record.value.pointee.handedOver = nil
  }

  /// `save` is about to run and may hand over state. On the first loop.
  func beginSave() { unsafe record.value.pointee.isSaving = true }

  /// `save` has returned. On the first loop.
  /// - Returns: the state that it has handed over.
  func endSave() -> HandedOverState? {
    unsafe record.value.pointee.isSaving = false
    defer { unsafe record.value.pointee.saved = nil }
    return unsafe record.value.pointee.saved
  }

  // MARK: The end

  /// Releases the closures of a generation that has ended and stays in memory.
  func dropObservers() { unsafe record.value.dropObservers() }

  /// Releases the record and the scopes, which are closed. The library is unmapped, and nobody uses the record any
  /// more.
  func destroy() { unsafe record.value.destroy() }
}

extension GenerationPointer {
  /// Opens the plugin's scope on a loop. The scope's record stays until the library is unmapped: plugins may keep the
  /// pointer.
  fileprivate func openShard(on loop: LoopPointer) {
    let shard = ScopePointer.allocate(capacity: 1)
    unsafe shard.open(
      below: loop.pointee.root, kind: .plugin,
      observer: ScopeObserver(
        cancelling: { _ in },
        closed: { unsafe $0.assumingMemoryBound(to: Scope.self).pointee.generation?.pointee.shardEnded() }))
    unsafe shard.join(self)
    unsafe shard.release()
    unsafe pointee.shards[loop.pointee.index] = shard
  }
}
