internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging
internal import Synchronization

/// All workers of the host. What the host orders goes to each of them; what it asks is answered by one of them, or by
/// all together.
///
/// A worker may end at any moment, and another one takes its place: see `WorkerSlot`. All workers serve the same
/// `Service`: a change of it is prepared by all, then committed by all, and a worker that starts meanwhile is brought to
/// the new one before it accepts connections.
///
/// Orders are for the control thread, unless they say otherwise.
final class WorkerGroup: Sendable {
  /// A worker that finishes its requests and gets no more.
  struct Leaver: Sendable {
    let worker: WorkerProcess
    /// When it began to: nanoseconds since 1970.
    let since = Clock.wall
  }

  /// The workers that serve, by their place, from 1.
  private let members = Mutex<[Int: WorkerHandle]>([:])
  /// Those that finish their requests and get no more.
  let leaving = Mutex<[Leaver]>([])
  /// Wake threads that wait for a member.
  private let waiting = Mutex<[Latch<Void>]>([])
  /// Held while a change is committed, and while a worker joins.
  let service: Mutex<Service>
  /// What prepared generations started from, by name and by worker.
  let states = Mutex<[String: [Int: HandedOverState]]>([:])
  /// The plugins whose states are too large to be kept, as the log has said.
  let reportedStates = Mutex<Set<String>>([])
  /// The places of workers in processes of their own; none if the worker runs in this process.
  let slots = Mutex<[WorkerSlot]>([])
  /// Places that were given up, whose workers may not have ended yet.
  let formerSlots = Mutex<[WorkerSlot]>([])
  /// The sockets that workers accept connections from, for threads that must not wait for a change of `service`.
  let openSockets = Mutex<[ListeningSocket]>([])
  /// The connections of all workers, for their balance; nil if there is one worker.
  let counters: Mutex<SharedCounters?> = Mutex(nil)
  /// Makes removed private copies again for workers that start later; nil before the host has set it.
  let restorer = Mutex<CopyRestorer?>(nil)
  /// The private copies; nil before the host has set it.
  let copies: Mutex<PluginCopies?> = Mutex(nil)
  /// How many workers are being brought to what the others serve, or to what these served a moment ago.
  let joining = Mutex(0)
  /// Called when a worker joins, leaves, or has crashed. From any thread; does not wait.
  let onChange = Mutex<@Sendable () -> Void> {}
  /// The workers of the program before this one; none unless this one has replaced it.
  let predecessors = Predecessors()
  /// What they have handed over, for the first generations of this program, by plugin and by worker.
  let inherited = Mutex<[String: [Int: HandedOverState]]>([:])
  let liveness = Liveness()
  /// What plugins are to blame for, and what follows from it.
  let faults: Faults
  let once = OnceDesignation()
  let stopped = StoppedWorkers()
  /// Whether the host is to stop. Then nothing that a plugin does is waited for.
  let isStopping: @Sendable () -> Bool
  let logger = Logger(label: "ambit")

  /// One worker, in this process.
  init(_ worker: Worker, _ configuration: HostConfiguration, _ text: ConfigurationText) {
    service = Mutex(Service(configuration, text))
    faults = Faults(configuration)
    isStopping = worker.isStopping
    members.withLock { $0[1] = .inProcess(worker) }
  }

  /// Workers in processes of their own. None is there before `start`.
  init(
    _ configuration: HostConfiguration, _ text: ConfigurationText, isStopping: @escaping @Sendable () -> Bool
  ) {
    service = Mutex(Service(configuration, text))
    faults = Faults(configuration)
    self.isStopping = isStopping
  }

  /// How long a worker that starts waits for a roll-back, in nanoseconds.
  private static var timeToRollBack: Int64 { 2_000_000_000 }

  /// Whether the worker runs in this process.
  var isInProcess: Bool { slots.withLock { $0.isEmpty } }

  /// Those that serve, by their place.
  var present: [(index: Int, worker: WorkerHandle)] {
    members.withLock { $0.sorted { $0.key < $1.key } }.filter { !$0.value.isGone }.map { ($0.key, $0.value) }
  }

  /// Those that serve, and those that finish their requests, by their place: all that run code of plugins, but for workers
  /// that start.
  var running: [(index: Int, worker: WorkerHandle)] {
    let leaving = leaving.withLock { $0 }.map(\.worker).filter { !$0.isGone }
    return (present + leaving.map { ($0.index, .process($0)) }).sorted { $0.index < $1.index }
  }

  /// Waits until at least one worker serves, at most `timeout` nanoseconds, and returns those that do. Does not wait in
  /// a reload that is to be broken off: the next worker may wait for the roll-back.
  func present(within timeout: Int64) -> [(index: Int, worker: WorkerHandle)] {
    let end = Clock.monotonic + timeout
    while true {
      let latch = Latch<Void>()
      waiting.withLock { $0.append(latch) }
      let found = present
      let isGivenUp = { self.isStopping() || self.faults.breaksReloadOff }
      guard found.isEmpty, Clock.monotonic < end, !isGivenUp() else { return found }
      _ = latch.wait(timeout: end - Clock.monotonic, unless: isGivenUp)
    }
  }

  /// Runs `body` for each worker, for several of them at the same time, and waits for all.
  static func onAll<Answer: Sendable>(
    _ workers: [(index: Int, worker: WorkerHandle)], _ body: @escaping @Sendable (Int, WorkerHandle) -> Answer
  ) -> [Answer] {
    guard workers.count > 1 else { return workers.map { body($0.index, $0.worker) } }
    let latch = Latch<(Int, Answer)>(expected: workers.count)
    for (index, worker) in workers { onOwnThread { latch.arrive((index, body(index, worker))) } }
    return (latch.wait() ?? []).sorted { $0.0 < $1.0 }.map(\.1)
  }
}

// Workers join and leave. For the threads of their slots.

extension WorkerGroup {
  /// Tells a worker that has just started what it is, and waits until its loops run.
  /// - Returns: nil if it does not answer within `timeout` nanoseconds.
  func begin(_ worker: WorkerProcess, _ settings: WorkerSettings, within timeout: Int64) -> WorkerBegun? {
    let counters = counters.withLock { $0 }
    let slot = counters?.takeSlot()
    worker.slotOfCounters.withLock { $0 = slot }
    let descriptor = slot == nil ? nil : counters?.passedDescriptor
    let recorder = worker.recorder?.passedDescriptor
    let beginning = WorkerBeginning(
      index: worker.index, settings: settings, countersSlot: descriptor == nil ? nil : slot,
      hasRecorder: recorder != nil)
    let descriptors = [descriptor, recorder].compactMap { $0 }
    return worker.ask(.begin(beginning), passing: descriptors, within: timeout, as: WorkerBegun.self)
  }

  /// Brings a worker to what the others serve, and lets it accept connections in place of the worker that had its place.
  /// Blocks.
  /// - Parameter predecessor: a worker that serves on until this one does. It is asked for the state of its plugins.
  /// - Throws: if a generation does not start in it, or it ends.
  func join(_ worker: WorkerProcess, after predecessor: WorkerProcess?) throws(HostError) {
    let handle = WorkerHandle.process(worker)
    let predecessor = predecessor.map { WorkerHandle.process($0) }
    faults.awaitRollBacks(within: Self.timeToRollBack, unless: isStopping)
    joining.withLock { $0 += 1 }
    defer {
      joining.withLock { $0 -= 1 }
      removeUnusedCopies()
    }
    // Without the lock, since plugins may take long to start. What changes meanwhile is done under it.
    let (first, suspended) = service.withLock { ($0, faults.suspended) }
    worker.firstVersion.store(first.version, ordering: .relaxed)
    use(first, in: worker)
    var states = try bring(handle, worker.index, to: first, without: suspended, asking: predecessor)
    try service.withLock { (service) throws(HostError) in
      let suspendedNow = faults.suspended
      if service.version != first.version || suspendedNow != suspended {
        states.merge(
          try bring(handle, worker.index, to: service, without: suspendedNow, asking: predecessor)
        ) { $1 }
        // What it has begun to serve meanwhile and is not to run any more.
        _ = handle.retire(drain: .zero)
      }
      service.note(states, inWorker: worker.index)
      if service.text != first.text { use(service, in: worker) }
      // One that has ended may have served a request already: its place sees to its end.
      guard handle.accept(on: service.sockets) != nil || worker.isGone else {
        throw HostError(["it does not answer"])
      }
      let replaced = members.withLock { members in
        defer { members[worker.index] = handle }
        return members[worker.index]
      }
      if case .process(let old)? = replaced { leaving.withLock { $0.append(Leaver(worker: old)) } }
    }
    let woken = waiting.withLock { waiting in
      defer { waiting = [] }
      return waiting
    }
    for latch in woken { latch.arrive(()) }
    once.choose(among: present)
    onChange.withLock { $0 }()
  }

  /// Gives a worker the limits and the level of the log that others have: it was started with those of the time when a
  /// change last needed new workers.
  private func use(_ service: Service, in worker: WorkerProcess) {
    guard service.text != worker.settings.text else { return }
    _ = WorkerHandle.process(worker).replaceLimits(by: service.configuration, service.text)
  }

  /// Sends no more orders to a worker, which finishes what it has begun.
  func leave(_ worker: WorkerProcess) {
    let wasPresent = members.withLock { members in
      guard case .process(let present)? = members[worker.index], present === worker else { return false }
      members[worker.index] = nil
      return true
    }
    if wasPresent { leaving.withLock { $0.append(Leaver(worker: worker)) } }
    onChange.withLock { $0 }()
    // Once jobs of a host that stops end with it. No other worker takes them over.
    if !isStopping() { once.choose(among: present) }
  }

  /// A worker's process has ended.
  func hasEnded(_ worker: WorkerProcess) {
    leave(worker)
    leaving.withLock { $0.removeAll { $0.worker === worker } }
    noteStopped(false, worker)
    liveness.forget(worker)
    if let slot = worker.slotOfCounters.withLock({ $0.take() }) { counters.withLock { $0 }?.releaseSlot(slot) }
    BacklogWatch.look(at: openSockets.withLock { $0 })
    removeUnusedCopies()
  }

  /// Makes a worker prepare and commit what it lacks of `service`.
  /// - Returns: as `prepareMissing`.
  private func bring(
    _ handle: WorkerHandle, _ index: Int, to service: Service, without suspended: [String: Suspension],
    asking predecessor: WorkerHandle?
  ) throws(HostError) -> [String: HandedOverState] {
    let states = try prepareMissing(of: service, in: handle, index, without: suspended, asking: predecessor)
    guard try handle.commit(service.order(for: handle.known.serving.keys, without: suspended)) != nil else {
      throw HostError(["it ended before it served"])
    }
    return states
  }

  /// Makes a worker prepare what it lacks of `service`.
  /// - Parameters:
  ///   - suspended: the generations that it is not to run, by label.
  ///   - predecessor: is asked for the state of its plugins, which those here start from.
  /// - Returns: the states that generations started from, by name, as far as they are kept.
  /// - Throws: if one does not start, or the worker does not answer.
  @discardableResult
  func prepareMissing(
    of service: Service, in handle: WorkerHandle, _ index: Int, without suspended: [String: Suspension],
    asking predecessor: WorkerHandle?
  ) throws(HostError) -> [String: HandedOverState] {
    let known = handle.known
    var states: [String: HandedOverState] = [:]
    let missing = service.missing(
      in: known.serving.merging(known.prepared) { $1 }, worker: index, without: suspended)
    let lost = restorer.withLock { $0 }?.restore(missing, renamed: service.files) ?? [:]
    var errors = lost.values.flatMap(\.problems).map(\.description)
    for var planned in missing where lost[planned.name] == nil {
      do throws(PluginError) {
        // What takes the place of a generation that is rolled back starts from a state of its own.
        let older = predecessor.flatMap { older in
          planned.rollBack == nil || older.known.serving[planned.name] == planned.label ? older : nil
        }
        if let older, let state = try older.save(planned.name, within: service.startLimit) ?? nil {
          planned.handedOver = state
          let label = older.known.serving[planned.name]
          if let label, keeps(state, of: planned.name) { faults.note(state, of: planned.name, label, inWorker: index) }
        }
      } catch {
        // Without the state the plugin would begin anew, which is worse than to go on as it was.
        throw HostError(error.problems.map(\.description))
      }
      guard let answer = handle.prepare(planned, within: service.startLimit) else {
        throw HostError(["it ended, or did not answer, while it loaded and started \(planned.label)"])
      }
      if let state = planned.handedOver, keeps(state, of: planned.name) { states[planned.name] = state }
      if let failure = answer.failures[planned.name] { errors += failure.error.problems.map(\.description) }
    }
    guard errors.isEmpty else { throw HostError(errors) }
    return states
  }
}

// Private copies that nobody needs any more.

extension WorkerGroup {
  /// Removes the private copies of generations that no worker is to load and that none has mapped any more. From any
  /// thread that may block.
  func removeUnusedCopies() {
    guard !isInProcess, !isStopping(), let copies = copies.withLock({ $0 }) else { return }
    joining.withLock { joining in
      // What it is to load may have been replaced since.
      guard joining == 0 else { return }
      let workers = allSlots.flatMap(\.workers)
      copies.removeUnused(besides: workers.reduce(into: []) { $0.formUnion($1.copiesMaybeMapped) })
    }
  }

  /// Notes at the end of a reload which generations serve, and removes the private copies that nobody needs any more.
  func noteServingCopies() {
    guard let copies = copies.withLock({ $0 }) else { return }
    copies.noteServing(service.withLock { $0.generations.values.map(\.copy) } + faults.contentsToRollBackTo)
    removeUnusedCopies()
  }
}
