internal import AmbitCore
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem
internal import Synchronization

/// A worker in a process of its own, as the supervisor sees it: orders and their answers over a connection, and its
/// end. From any thread that may block.
final class WorkerProcess: Sendable {
  /// A generation that it was told to load.
  struct ToldGeneration: Sendable {
    /// The name of the plugin or library, as the repository has it.
    let name: String
    let generation: Int
    let isLibrary: Bool
  }

  /// The private copies that it may have mapped, by path.
  private struct Copies {
    /// Those that it loads.
    var underway: Set<String> = []
    /// Those that it has loaded.
    var mapped: Set<String> = []
    /// How many it had unmapped when it was asked which ones are left.
    var knownUnmapped = 0
    /// How many it has unmapped.
    var unmapped = 0
  }

  /// Counts the workers of one place.
  typealias ID = Int

  let id: ID
  /// Its place among the workers, from 1.
  let index: Int
  /// What it was started with.
  let settings: WorkerSettings
  /// When it was started: nanoseconds since 1970.
  let began = Clock.wall
  /// Opens when the process has ended.
  let ended = Latch<Void>()
  /// What it notes before its end, whatever that is; nil if the system has no memory for it.
  let recorder = FlightRecorder()
  /// The version of the service that it was brought to first.
  let firstVersion = Atomic<Int>(0)
  /// Its slot in the counts of connections; nil if it counts for itself.
  let slotOfCounters = Mutex<Int?>(nil)
  /// Whether the host is to stop. Then nothing that a plugin does is waited for.
  private let isStopping: @Sendable () -> Bool
  private let process: SupervisedProcess
  private let orders: WorkerOrders
  /// When its process was stopped, in monotonic nanoseconds; 0 while it runs.
  private let stoppedAt = Atomic<Int64>(0)
  /// The generations that it was told to load, by their labels: names in its recorder must be among these.
  private let told = Mutex<[String: ToldGeneration]>([:])
  private let wasKilled = Atomic<Bool>(false)
  private let wasAborted = Atomic<Bool>(false)
  private let hasHung = Atomic<Bool>(false)
  private let hangs = Mutex(HangRecord())
  private let left = Mutex<[String]?>(nil)
  /// A debugger that holds it, as far as it was asked for its loops; nil if none does.
  let tracer = Mutex<ProcessTimes.Tracer?>(nil)
  /// Whether it tries a generation for a reload, or was ended by the supervisor's own decision: see `meaningOfEnd`.
  private let fate = Mutex<(tries: Int, isEnded: Bool)>((0, false))
  private let copies = Mutex(Copies())
  /// The labels of its generations, by name.
  private let generations = Mutex<(serving: [String: String], prepared: [String: String])>(([:], [:]))

  /// Starts `ambit worker`.
  /// - Parameters:
  ///   - settings: what it is started with.
  ///   - isStopping: whether the host is to stop.
  ///   - onEvent: called with what happens to the process: see `ChildProcesses.start`.
  ///   - onDisconnection: called once when there will be no answers any more: the process is about to end, runs another
  ///     program, or code of a plugin has closed the descriptor.
  /// - Throws: if the system has no more processes, descriptors or threads.
  init(
    _ id: ID, index: Int, _ settings: WorkerSettings, children: ChildProcesses,
    isStopping: @escaping @Sendable () -> Bool, onEvent: @escaping @Sendable (ProcessEvent) -> Void,
    onDisconnection: @escaping @Sendable () -> Void
  ) throws(HostError) {
    (self.id, self.index, self.settings, self.isStopping) = (id, index, settings, isStopping)
    // Each time anew: once the file is removed or replaced, its name is not this program's any more.
    let (ended, program) = (ended, HostProcess.binary)
    do throws(FileError) {
      let pair = try DescriptorPair(socketsFor: program)
      process = try children.start(
        [program, "worker"], environment: Self.environment(of: settings.confinement.account), descriptors: [pair.theirs]
      ) { event in
        if case .ended = event { ended.arrive(()) }
        onEvent(event)
      }
      // Code of a plugin could use up the descriptors of this process.
      orders = WorkerOrders(
        over: MessageConnection(
          owned: pair.takeOurs(), limit: WorkerService.messageLimit, acceptsDescriptors: false))
    } catch {
      throw HostError(error)
    }
    do throws(SystemError) {
      try SystemThread(for: "the answers of a worker") {
        self.orders.receive()
        onDisconnection()
      }.detach()
    } catch {
      process.kill()
      throw HostError(error)
    }
  }

  /// The supervisor's, with Swift's backtracer off: a crash must end the worker at once and by its signal.
  private static func environment(of account: Account?) -> [String: String] {
    HostProcess.environment.merging(account?.variables ?? [:]) { $1 }.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
  }

  /// The number of its process.
  var pid: Int32 { process.number }

  /// Sends an order and waits for its answer.
  /// - Parameters:
  ///   - descriptors: go with the order; they stay the caller's.
  ///   - timeout: how long to wait, in nanoseconds. An answer that comes later is lost.
  /// - Returns: nil if the worker has not answered in time, is stopped for longer than a moment, has ended, or has sent
  ///   what is no answer; also if the host stops meanwhile and the order waits for plugins.
  func ask<Answer: Codable & Sendable>(
    _ order: WorkerOrder, passing descriptors: [Int32] = [], within timeout: Int64, as type: Answer.Type
  ) -> Answer? {
    // Many orders would fill its connection.
    guard !isStoppedForLong else { return nil }
    let began = Clock.monotonic
    guard let call = orders.send(order, passing: descriptors, within: timeout) else { return nil }
    return orders.answer(to: call, within: timeout - (Clock.monotonic - began), as: type) {
      isStoppedForLong || order.waitsForPlugins && isStopping()
    }
  }

  /// Orders it to end. Does not wait for the answer: see `leftBehind`. The order is lost if the connection of a stopped
  /// worker is full.
  /// - Parameters:
  ///   - end: when it has to have answered, in monotonic nanoseconds.
  ///   - completion: is called on another thread with the answer, or with nil if there is none.
  func leave(
    _ leaving: Leaving, by end: Int64, then completion: @escaping @Sendable ([String]?) -> Void = { _ in }
  ) {
    let call = orders.send(.leave(leaving))
    onOwnThread { [self] in
      let answer = call.flatMap { orders.answer(to: $0, within: end - Clock.monotonic, as: [String].self) }
      if let answer { left.withLock { $0 = answer } }
      completion(answer)
    }
  }

  /// The labels of the generations that still run, as it has answered the order to end; nil before it has.
  var leftBehind: [String]? { left.withLock { $0 } }

  /// Sends an order whose answer nobody waits for. The order is lost if the connection of a stopped worker is full.
  func tell(_ order: WorkerOrder) { orders.tell(order) }

  /// What its end means for the worker that takes its place.
  enum MeaningOfEnd {
    case crash
    /// It has ended while it tried a generation for a reload, which is refused then. The next worker does without.
    case refusal
    /// The supervisor has ended it.
    case order
  }

  /// What its end means.
  var meaningOfEnd: MeaningOfEnd {
    fate.withLock { $0.isEnded ? .order : $0.tries > 0 ? .refusal : .crash }
  }

  /// Runs `attempt`, in which it tries a generation for a reload.
  /// - Parameter attempt: returns nil if the worker has not answered.
  func trying<Answer>(_ attempt: () -> Answer?) -> Answer? {
    fate.withLock { $0.tries += 1 }
    let answer = attempt()
    // Whoever looks after its end comes later, maybe.
    if answer != nil { fate.withLock { $0.tries -= 1 } }
    return answer
  }

  /// Ends it by the supervisor's own decision: that is no crash.
  func endByOrder() {
    fate.withLock { $0.isEnded = true }
    kill()
  }

  /// Sends SIGABRT, so that it reports what it does, and ends.
  func abort() {
    wasAborted.store(true, ordering: .relaxed)
    process.send(6)
  }

  /// Whether it was told to end by `abort`.
  var isAborted: Bool { wasAborted.load(ordering: .relaxed) }

  /// Notes that an event loop of it hangs, which counts as its crash. Its other loops finish what they have begun.
  func noteHang() { hasHung.store(true, ordering: .relaxed) }

  var isHung: Bool { hasHung.load(ordering: .relaxed) }

  /// Those of these turns of its loops that were not taken note of: see `HangRecord`.
  func unnoted(_ turns: [HungTurn]) -> [HungTurn] { hangs.withLock { $0.unnoted(turns) } }

  /// Takes note of turns that hang: see `HangRecord`.
  func note(hangs turns: [HungTurn], _ loops: [HungLoop], at moment: Int64) -> [[HungLoop]] {
    hangs.withLock { $0.note(turns, loops, at: moment) }
  }

  /// Notes that the supervisor ends it at once, together with all others.
  func noteKill() {
    fate.withLock { $0.isEnded = true }
    wasKilled.store(true, ordering: .relaxed)
  }

  /// Ends it at once. It answers nothing more.
  func kill() {
    wasKilled.store(true, ordering: .relaxed)
    process.kill()
    orders.close()
  }

  /// Whether it was ended at once.
  var isKilled: Bool { wasKilled.load(ordering: .relaxed) }

  /// Notes whether its process is stopped: SIGSTOP, ptrace(2). From any thread.
  func note(isStopped: Bool) { stoppedAt.store(isStopped ? Clock.monotonic : 0, ordering: .relaxed) }

  /// Whether its process has been stopped for longer than `timeOfStop`.
  var isStoppedForLong: Bool {
    let since = stoppedAt.load(ordering: .relaxed)
    return since != 0 && Clock.monotonic - since > Self.timeOfStop
  }

  /// How long an order waits for a stopped worker, in nanoseconds: it may be continued at once.
  private static var timeOfStop: Int64 { 2_000_000_000 }

  /// The descriptor of the connection, for a program that takes the place of this one.
  var connectionNumber: Int32 { orders.descriptor }

  /// Whether it takes no orders any more.
  var isGone: Bool { orders.isClosed }
}

// What the supervisor knows of its generations.

extension WorkerProcess {
  var known: (serving: [String: String], prepared: [String: String]) { generations.withLock { $0 } }

  /// The generations that it was told to load, by their labels. A constructor has no label yet: for it, by the name.
  var labels: [String: ToldGeneration] { told.withLock { $0 } }

  /// Notes that it is told to load a generation.
  func note(planned: PlannedGeneration) {
    let number = Int(clamping: planned.number)
    let generation = ToldGeneration(name: planned.name, generation: number, isLibrary: !planned.isPlugin)
    told.withLock { ($0[planned.label], $0[planned.name]) = (generation, generation) }
  }

  func note(prepared planned: PlannedGeneration) {
    generations.withLock { $0.prepared[planned.name] = planned.label }
  }

  func noteAborted(_ names: [String]) {
    generations.withLock { known in
      for name in names { known.prepared[name] = nil }
    }
  }

  func noteCommit(of order: CommitOrder) {
    generations.withLock { known in
      for name in order.removed { known.serving[name] = nil }
      known.serving.merge(known.prepared) { $1 }
      known.prepared = [:]
    }
  }
}

// What the supervisor knows of the private copies that it has mapped.

extension WorkerProcess {
  /// The paths of the copies that it may have mapped.
  var copiesMaybeMapped: Set<String> { copies.withLock { $0.mapped.union($0.underway) } }

  func note(mapping copy: PluginCopy) { copies.withLock { _ = $0.underway.insert(copy.path) } }

  func note(mapped copy: PluginCopy) {
    copies.withLock { copies in
      copies.underway.remove(copy.path)
      copies.mapped.insert(copy.path)
    }
  }

  func note(unmappedCopies count: Int) { copies.withLock { $0.unmapped = count } }

  var hasUnmappedCopies: Bool { copies.withLock { $0.unmapped != $0.knownUnmapped } }

  /// Forgets the copies that are not mapped any more.
  /// - Parameter question: asks which ones are left. Returns nil if the worker does not answer.
  /// - Returns: whether it has answered.
  func forgetUnmappedCopies(_ question: () -> Set<String>?) -> Bool {
    // What it loads meanwhile may be missing in the answer.
    let (known, count) = copies.withLock { ($0.mapped, $0.unmapped) }
    guard let left = question() else { return false }
    copies.withLock { copies in
      copies.mapped.subtract(known.subtracting(left))
      copies.knownUnmapped = count
    }
    return true
  }
}
