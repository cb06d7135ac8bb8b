internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging
internal import Synchronization

/// A worker process, from inside: it carries out what its supervisor orders, over the connection that it has inherited.
///
/// Orders are carried out one after the other by one thread. Questions are answered meanwhile, each on a thread of its
/// own, since a call of a plugin may take long. If the supervisor is gone, the worker finishes what it has begun, and
/// ends.
package final class WorkerService: Sendable {
  /// The descriptor of the connection to the supervisor.
  static var connectionDescriptor: Int32 { 3 }
  /// Most bytes of a message. The largest brings the state that one plugin hands over.
  static var messageLimit: Int { HandedOverState.limit + (16 << 20) }
  /// How long what is cancelled may take after the supervisor's death: nobody would end the worker.
  private static var graceOfOrphan: Duration { .milliseconds(500) }
  /// How long the order under way may take to give up, in nanoseconds.
  private static var timeToGiveUp: Int64 { 200_000_000 }

  /// How long a worker of which an event loop hangs waits for its end by the supervisor, in nanoseconds.
  private static var timeToBeEnded: Int64 { 5_000_000_000 }

  /// How long an idle connection stays open in a worker whose successor serves already. A client that has read its last
  /// response here may send the next request before it learns that the connection ends.
  private static var idleTimeOfReplaced: Duration { .seconds(1) }

  private let supervisor: MessageConnection
  let worker: Worker
  private let orders: WorkThread
  /// What it needs of the configuration at its end.
  private let limits: Mutex<(drainTimeout: Duration, hangLimit: Duration?)>
  private let isStopping: StopFlag
  let sockets = Mutex<[UInt64: ListeningSocket]>([:])
  /// Why the supervisor gives no more orders; nil while it does.
  private let loss = Mutex<Leaving.Reason?>(nil)
  // Not stored: the log is set up when the worker knows its configuration.
  private var logger: Logger { Logger(label: "ambit") }

  /// Whether the worker is to end: then nothing that a plugin does is waited for.
  private final class StopFlag: Sendable {
    let value = Atomic<Bool>(false)
  }

  /// Serves as a worker of the supervisor that has started this process. The calling thread is the main one.
  package static func run() -> Never {
    HostProcess.setRole(.worker)
    let supervisor = MessageConnection(inherited: connectionDescriptor, limit: messageLimit)
    supervisor.setVital()
    do throws(SystemError) {
      try Signals.installEmpty()
      guard let (message, descriptors) = supervisor.receive(), let (number, order) = try? WorkerMessage.order(message),
        case .begin(let beginning) = order
      else {
        StandardStreams.writeError("error: ambit worker is started by ambit serve, which tells it what to do\n")
        HostProcess.exit(1)
      }
      let refuse: @Sendable (String) -> Void = { reason in
        _ = supervisor.send(WorkerMessage.answer(WorkerBegun(error: reason), to: number))
      }
      let result = Result { () throws(HostError) in try confine(beginning) }
      do throws(SystemError) {
        try Signals.keepEmpty()
        try MainThread.serve(codeReturned: ForkedChild.endIfReturnedFromMainQueue) {
          do throws(HostError) {
            let configuration = try result.get()
            let service = try WorkerService(supervisor, beginning, configuration, descriptors)
            try checkDescriptors(beginning, configuration)
            service.answer(WorkerBegun(), to: number)
            service.receive()
          } catch {
            refuse(error.description)
          }
        }
      } catch {
        refuse("\(error)\(beginning.confinement.hint(about: error))")
      }
    } catch {
      StandardStreams.writeError("error: a worker cannot start: \(error)\n")
    }
    HostProcess.exit(1)
  }

  /// Opens the log, and gives up what the worker is not to have. Before the process has another thread.
  private static func confine(_ beginning: WorkerBeginning) throws(HostError) -> HostConfiguration {
    var configuration = try beginning.configuration.parse()
    configuration.log.format = beginning.writesJSON ? .json : .text
    // The user whom the worker runs as may have no right to open the supervisor's pipe or terminal.
    LogOutput.start(configuration.log, waits: false, worker: beginning.count > 1 ? beginning.index : nil)
    do throws(SystemError) {
      for path in try beginning.confinement.apply() {
        Logger(label: "ambit").warning(
          """
          writable: \(path) does not exist any more, or a link is in its place, so the worker starts without it and \
          cannot change what is made there later: make it again, then end the worker (kill \(HostProcess.identifier)), \
          and the next one can
          """)
      }
    } catch {
      throw HostError(error)
    }
    return configuration
  }

  /// - Throws: if `open_files` leaves the worker no descriptors for clients. It would accept no connection.
  private static func checkDescriptors(
    _ beginning: WorkerBeginning, _ configuration: HostConfiguration
  ) throws(HostError) {
    let limit = beginning.confinement.limits.first { $0.resource == .openFiles }
    guard let limit, let found = limit.value else { return }
    let least = DescriptorReserve.shared.leastLimit(loops: beginning.loops, sockets: configuration.listen.count)
    guard found < least else { return }
    throw HostError([
      """
      \(limit.resource.key): expected 0, or at least \(least), so that the worker has descriptors left for clients, \
      beside those that it has inherited, found \(found)
      """
    ])
  }

  /// - Parameter descriptors: that of the counts of connections, then that of the flight recorder, if there are such.
  private init(
    _ supervisor: MessageConnection, _ beginning: WorkerBeginning, _ configuration: HostConfiguration,
    _ descriptors: [Int32]
  ) throws(HostError) {
    let counters = beginning.countersSlot == nil ? nil : descriptors.first
    let recorder = beginning.hasRecorder ? descriptors.last : nil
    try Host.prepareProcess(configuration)
    let isStopping = StopFlag()
    do throws(SystemError) {
      if let recorder { Self.use(recorder) }
      worker = try Worker(
        configuration, as: WorkerRole(beginning, counters: counters), isChecked: beginning.isChecked
      ) { isStopping.value.load(ordering: .relaxed) }
      orders = try WorkThread(for: "orders", name: "ambit-orders")
    } catch {
      throw HostError(["\(error)\(beginning.confinement.hint(about: error))"])
    }
    (self.supervisor, self.isStopping) = (supervisor, isStopping)
    limits = Mutex((configuration.drainTimeout, configuration.limits.hangLimit))
  }

  /// Notes what threads run, and the end of the process, in memory of the supervisor. Without it the worker reports its
  /// end in the log.
  private static func use(_ recorder: Int32) {
    do throws(SystemError) { try FlightRecorder.use(received: recorder) } catch {
      Logger(label: "ambit").warning(
        "no plugin is blamed, quarantined or rolled back for a crash of this worker: \(error)")
    }
  }

  /// Takes orders until the supervisor is gone or orders the end.
  private func receive() -> Never {
    var (isLeaving, newWorkersServe) = (false, false)
    while let (message, descriptors) = supervisor.receive() {
      guard let (number, order) = try? WorkerMessage.order(message) else { break }
      switch order {
      case .leave: isLeaving = true
      case .newWorkersServe: newWorkersServe = true
      default: break
      }
      if order.isQuestion {
        onOwnThread { self.carryOut(order, number, descriptors) }
      } else {
        // A reload has descriptors although a plugin leaks all that there are.
        orders.post { DescriptorReserve.shared.lend { self.carryOut(order, number, descriptors) } }
      }
    }
    guard supervisor.isIntact else { ClosedDescriptors.endHost(forLossOf: Self.connectionDescriptor) }
    FlightRecorder.noteLossOfReader()
    let reason: Leaving.Reason = newWorkersServe ? .succeeded : .orphaned
    loss.withLock { $0 = reason }
    let limits = limits.withLock { $0 }
    onOwnThread { self.worker.abandonHungLoops(after: limits.hangLimit) }
    // What the supervisor has ordered ends the process.
    while isLeaving { pauseThread(.seconds(60)) }
    if newWorkersServe {
      logger.info("new workers serve: this one finishes what it has begun, and ends")
    } else {
      logger.warning("the supervisor is gone: the worker finishes what it has begun, and ends")
    }
    leave(Leaving(drain: limits.drainTimeout, cancelGrace: Self.graceOfOrphan, reason: reason))
  }

  func answer(_ answer: some Codable & Sendable, to number: UInt64) {
    _ = supervisor.send(WorkerMessage.answer(answer, to: number))
  }

  /// Uses the limits of a configuration, and remembers what its end needs of it.
  func use(_ text: ConfigurationText) -> Bool {
    guard let configuration = try? text.parse() else { return false }
    limits.withLock { $0 = (configuration.drainTimeout, configuration.limits.hangLimit) }
    LogOutput.use(configuration.log.level)
    return worker.replaceLimits(by: configuration)
  }

  /// Ends the worker: new connections are left to others, requests in flight finish, then all that still runs is
  /// cancelled, then each plugin is stopped. Ends the process.
  /// - Parameter number: that of the order, which is answered with the labels of the generations that still run.
  func leave(_ leaving: Leaving, answering number: UInt64? = nil) -> Never {
    isStopping.value.store(true, ordering: .relaxed)
    let deadline = ShutdownDeadline(
      since: Clock.monotonic, drain: leaving.drain, cancelGrace: leaving.cancelGrace)
    let isSucceeded = [.replaced, .succeeded].contains(leaving.reason)
    let idleTime = isSucceeded ? Self.idleTimeOfReplaced : .zero
    awaitOrders()
    let running = worker.leave(by: deadline, idleTime: idleTime) { isComplete in
      for socket in sockets.withLock({ $0.values }) { socket.close(isInUse: !isComplete) }
    } isStopping: {
    }
    if let number { answer(running, to: number) }
    if !running.isEmpty, !worker.hungLoops.isEmpty { awaitAbort() }
    // The supervisor may have ended, or become another program, meanwhile.
    let reason = loss.withLock { $0 } ?? leaving.reason
    // At the end of the host the supervisor says so, for all workers.
    if !running.isEmpty, reason != .shutdown {
      logger.warning(
        "the worker ends, and leaves behind what still runs", metadata: ["running": "\(running.joined(separator: " "))"]
      )
    }
    // Otherwise the supervisor does both. The next program does not know the folder of the private copies.
    DescriptorReserve.shared.lend {
      if reason == .orphaned { ProcessMark.killInheritors() }
      if [.orphaned, .succeeded].contains(reason) { worker.copies.removeIfLast() }
    }
    HostProcess.exit(0, by: deadline.lastMoment)
  }

  /// Waits until the supervisor ends the process by a signal that leaves a core dump. It may have ended itself.
  private func awaitAbort() {
    let end = Clock.monotonic + Self.timeToBeEnded
    while loss.withLock({ $0 }) == nil, Clock.monotonic < end { pauseThread(.milliseconds(50)) }
  }

  /// Waits until the order under way has given up, so that what it has loaded is ended, too. It waits for nothing that a
  /// plugin does any more.
  private func awaitOrders() {
    let latch = Latch<Void>()
    orders.post { latch.arrive(()) }
    _ = latch.wait(timeout: Self.timeToGiveUp)
  }
}
