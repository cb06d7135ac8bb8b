internal import AmbitCore
internal import AmbitRuntime
internal import AmbitSystem
internal import Synchronization

/// Asks a worker at regular intervals whether its event loops turn, and finds out which of them hang: they do not turn,
/// and do not go from one piece of work in their turn to the next, although they could run. For one thread.
struct Heartbeat {
  /// Event loops of a worker hang.
  struct Hang {
    /// What they are in, the one that has hung first first.
    let turns: [HungTurn]
    /// No loop of the worker turns.
    let isWhole: Bool
    /// In nanoseconds.
    let limit: Int64

    /// What has happened to one of them, as a sentence.
    func text(about loop: HungLoop) -> String {
      "event loop \(loop.index) has not turned for \(limitText), since it is blocked by \(loop.phrase)"
    }

    var limitText: String { "hang_limit (\(limit / 1_000_000) ms)" }
  }

  /// The longest time between two questions, in nanoseconds.
  private static var longestInterval: Int64 { 2_500_000_000 }
  private static var shortestInterval: Int64 { 100_000_000 }
  /// How long the loops may take to answer, in nanoseconds. A loop that answers later is blocked.
  private static var timeToAnswer: Int64 { 200_000_000 }
  /// How long a worker that writes the report of a crash does not count as hanging, in nanoseconds. The reader of the log
  /// may keep it waiting for 2 s.
  private static var timeToReportCrash: Int64 { 2_500_000_000 }

  private var limit: Int64?
  private var interval: Int64
  private var loops: [LoopWatch]
  /// When the worker was seen first to write the report of a crash, in monotonic nanoseconds; nil if it does not.
  private var crashBegan: Int64?
  /// When to ask next, in monotonic nanoseconds.
  private(set) var next: Int64
  /// What the last question has shown of a debugger that holds the worker; nil if none does.
  private(set) var tracer: ProcessTimes.Tracer?

  /// - Parameters:
  ///   - loops: how many event loops the worker has.
  ///   - limit: how long a loop may take for a turn; nil: for ever.
  init(ofLoops loops: Int, hangLimit limit: Duration?) {
    (self.limit, interval) = Self.interval(for: limit)
    let now = Clock.monotonic
    self.loops = Array(repeating: LoopWatch(at: now), count: loops)
    // It has to know the threads of the loops before one of them hangs.
    next = now + Self.shortestInterval
  }

  /// Uses another limit from now on, also for a loop that is blocked already.
  mutating func limit(by limit: Duration?) {
    guard limit?.wholeNanoseconds != self.limit else { return }
    (self.limit, interval) = Self.interval(for: limit)
    for index in loops.indices {
      if let limit = self.limit {
        loops[index].watch?.use(limit: limit, interval: interval)
      } else {
        loops[index].watch = nil
      }
    }
  }

  private static func interval(for limit: Duration?) -> (limit: Int64?, interval: Int64) {
    guard let limit = limit?.wholeNanoseconds else { return (nil, longestInterval) }
    return (limit, min(max(limit / 4, shortestInterval), longestInterval))
  }

  /// Asks. Blocks for at most some 700 ms.
  /// - Parameter liveness: is told whether all loops turn.
  /// - Returns: the loops that hang, if one has begun to hang, or all do.
  mutating func ask(_ worker: WorkerProcess, _ liveness: Liveness? = nil) -> Hang? {
    let asked = Clock.monotonic
    let answer = WorkerHandle.process(worker).turningLoops(within: Self.timeToAnswer)
    liveness?.note(worker, isTurning: answer?.isComplete ?? false)
    if let answer { worker.note(unmappedCopies: answer.unmappedCopies) }
    // One that answers is stopped for moments only, as by strace(1).
    tracer = answer == nil ? ProcessTimes.tracer(holding: worker.pid) : nil
    return look(at: answer, of: worker.pid, asked: asked)
  }

  /// The same, inside of a worker that has no supervisor any more.
  mutating func ask(_ worker: Worker) -> Hang? {
    let asked = Clock.monotonic
    return look(at: worker.turningLoops(within: Self.timeToAnswer), of: HostProcess.identifier, asked: asked)
  }

  mutating func look(at answer: TurningLoops?, of process: Int32, asked: Int64) -> Hang? {
    if let answer { crashBegan = answer.isCrashing ? crashBegan ?? asked : nil }
    let hungBefore = Set(loops.indices.filter { loops[$0].hangs })
    for index in loops.indices {
      // A plugin may have damaged what the worker says.
      let progress = answer.flatMap { $0.loops.count == loops.count ? $0.loops[index] : nil }
      loops[index].look(progress, of: process, limit: limit, interval: interval, asked: asked)
    }
    scheduleNext(after: asked)
    guard let limit else { return nil }
    if let crashBegan, Clock.monotonic - crashBegan < Self.timeToReportCrash { return nil }
    let hung = loops.indices.filter { loops[$0].hangs }
    guard hung.count == loops.count || !hungBefore.isSuperset(of: hung) else { return nil }
    let turns = hung.sorted { loops[$0].turnBegan < loops[$1].turnBegan }
    return Hang(
      turns: turns.map { HungTurn(loop: $0, began: loops[$0].turnBegan, work: loops[$0].work) },
      isWhole: hung.count == loops.count, limit: limit)
  }

  /// Asks again when the time of a loop that has not answered is over, and before that often enough to see soon when it
  /// goes on to other work, whose time counts from then.
  private mutating func scheduleNext(after asked: Int64) {
    let now = Clock.monotonic
    let due = loops.compactMap { $0.watch?.due }.filter { $0 > now }.min()
    let pause = loops.contains { $0.watch != nil } ? max(interval / 5, Self.shortestInterval) : interval
    next = min(now + pause, max(due ?? .max, asked + Self.shortestInterval))
  }
}

/// What the supervisor knows of one event loop of a worker.
private struct LoopWatch {
  /// The kernel's number of its thread; 0 before the worker has told it.
  private var thread: Int32 = 0
  /// When the turn began that it is in, as the worker says; 0 if it is in none, or if that is not known.
  private(set) var turnBegan: Int64 = 0
  /// The piece of work that it is in, as the worker says.
  private(set) var work = LoopWork()
  private(set) var hangs = false
  /// Nil while it answers, and if there is no limit.
  var watch: HangWatch?
  /// The last look before its present turn, or the first one at its present piece of work if that is not the first one
  /// of the turn.
  private var before: Look
  private var last: Look

  private struct Look {
    /// In monotonic nanoseconds.
    let moment: Int64
    /// Of its thread.
    var sample: ProcessSample?
  }

  init(at now: Int64) { (before, last) = (Look(moment: now), Look(moment: now)) }

  /// - Parameter progress: what the worker says; nil if it does not answer.
  mutating func look(_ progress: LoopProgress?, of process: Int32, limit: Int64?, interval: Int64, asked: Int64) {
    let hasTurned = progress.map { $0.turns || $0.turnBegan != turnBegan } ?? false
    let goesOn = progress.map { $0.work != work } ?? false
    if let progress { (thread, turnBegan, work) = (progress.thread, progress.turnBegan, progress.work) }
    let now = Look(moment: asked, sample: thread == 0 ? nil : ProcessTimes.sample(ofThread: thread, of: process))
    if hasTurned {
      (before, watch, hangs) = (progress?.turns == true ? now : last, nil, false)
    } else if goesOn {
      (before, watch, hangs) = (now, nil, false)
    }
    last = now
    guard progress?.turns != true else { return }
    guard let limit else {
      (watch, hangs) = (nil, false)
      return
    }
    var watch = self.watch ?? makeWatch(limit, interval, asked)
    let judgement = watch.look(
      thread == 0 ? ProcessTimes.sample(of: process) : now.sample, now: Clock.monotonic)
    hangs = judgement == .hangs || judgement == .unknown
    self.watch = watch
  }

  /// The time counts from the beginning of the turn, as far as the supervisor has looked meanwhile and has seen no other
  /// piece of work in it.
  private func makeWatch(_ limit: Int64, _ interval: Int64, _ asked: Int64) -> HangWatch {
    guard asked - before.moment <= 4 * interval, turnBegan > 0 else {
      return HangWatch(limit: limit, interval: interval, now: asked)
    }
    let began = min(max(turnBegan, before.moment), asked)
    return HangWatch(limit: limit, interval: interval, now: asked, since: began, from: before.sample)
  }
}

/// Whether the loops of all workers turn, for the watchdog of the service manager. From any thread.
final class Liveness: Sendable {
  private let turning = Mutex<[ObjectIdentifier: Bool]>([:])

  func note(_ worker: WorkerProcess, isTurning: Bool) {
    turning.withLock { $0[ObjectIdentifier(worker)] = isTurning }
  }

  func forget(_ worker: WorkerProcess) { turning.withLock { $0[ObjectIdentifier(worker)] = nil } }

  /// Whether each worker that was asked has answered from each of its loops when it was asked last.
  var isEverythingTurning: Bool { turning.withLock { $0.values.allSatisfy { $0 } } }
}

/// Which loops of a worker turn.
struct TurningLoops: Codable, Sendable {
  let loops: [LoopProgress]
  /// How many private copies the worker has unmapped since its start.
  let unmappedCopies: Int
  /// Whether a thread of the worker has crashed and writes its report.
  let isCrashing: Bool

  /// Whether all loops turn.
  var isComplete: Bool { loops.allSatisfy(\.turns) }
}
