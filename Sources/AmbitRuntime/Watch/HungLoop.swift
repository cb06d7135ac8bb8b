internal import AmbitCore
internal import AmbitSystem
internal import CLinux
internal import Synchronization

/// Whether an event loop turns, for another process.
public struct LoopProgress: Codable, Sendable {
  /// The kernel's number of the loop's thread; 0 before it runs.
  public let thread: Int32
  /// Whether the loop has answered.
  public let turns: Bool
  /// When the present turn began, in monotonic nanoseconds; 0 while the loop sleeps.
  public let turnBegan: Int64
  /// The piece of work that it is in.
  public let work: LoopWork
}

/// Tells the pieces of work in a turn of an event loop apart: handlers of requests, turns of jobs, hooks of scopes. Equal
/// values hardly mean different pieces. Hooks of one scope are one piece.
public struct LoopWork: Codable, Hashable, Sendable {
  /// The last scope that the loop has made: one for each request.
  private let lastScope: UInt64
  /// How many ready jobs the turn may still run.
  private let turnsLeft: Int
  /// The scope whose code runs.
  private let scope: UInt64

  public init(lastScope: UInt64 = 0, turnsLeft: Int = 0, scope: UInt64 = 0) {
    (self.lastScope, self.turnsLeft, self.scope) = (lastScope, turnsLeft, scope)
  }

  /// From any thread.
  init(observing loop: LoopPointer) {
    self.init(
      lastScope: loop.observed(\.lastScopeID) ?? 0, turnsLeft: loop.observed(\.turnsLeft) ?? 0,
      scope: loop.observed(\.mark)?.scope ?? 0)
  }
}

/// A turn of an event loop in which a piece of work has gone on for too long.
public struct HungTurn: Codable, Hashable, Sendable {
  /// The index of the loop.
  public let loop: Int
  /// When the turn began, in monotonic nanoseconds; 0: the loop sleeps and does not answer.
  public let began: Int64
  let work: LoopWork

  public init(loop: Int, began: Int64, work: LoopWork = LoopWork()) {
    (self.loop, self.began, self.work) = (loop, began, work)
  }
}

/// An event loop that hangs, and what blocks it: what a crash report says of the thread that has crashed.
public struct HungLoop: Codable, Sendable {
  public let index: Int
  /// "handler GET /hello of plugin hello/3", and who has the lock that it waits for.
  public let phrase: String
  /// The generation whose code blocks it, "hello/3"; nil if it is the host's own work.
  public let plugin: String?
  /// The fields of log lines. Texts are empty if there is none.
  let label: String
  let job: String
  let work: String
  let request: String?
  let scope: String?
  let thread: Int32
  let stack: String
  /// The stack is a guess: see `StackScan`.
  let isGuess: Bool
  let frames: [FlightRecord.Frame]
  let beginsWithCall: Bool
  let modules: [FlightRecord.Module]
}

extension LoopGroup {
  /// Which loops answer within `timeout` nanoseconds, in their order. Waits for all of them, or for that long. From
  /// threads that may block.
  public func progress(within timeout: Int64) -> [LoopProgress] {
    let turning = Set(onEach(within: timeout) { $0.pointee.index })
    return loops.map { loop in
      let heartbeat = loop.record.pointee.heartbeat
      return LoopProgress(
        thread: heartbeat.pointee.thread.load(ordering: .relaxed), turns: turning.contains(loop.record.pointee.index),
        turnBegan: heartbeat.pointee.turnBegan.load(ordering: .relaxed), work: LoopWork(observing: loop.record))
    }
  }

  /// Whether a loop is in the same piece of work as when the other process has seen it. From any thread.
  public func isStill(in turn: HungTurn) -> Bool {
    guard loops.indices.contains(turn.loop) else { return false }
    let record = loops[turn.loop].record
    return record.pointee.heartbeat.pointee.turnBegan.load(ordering: .relaxed) == turn.began
      && LoopWork(observing: record) == turn.work
  }

  /// What blocks a loop, with the stack of its thread. Blocks, for up to a second: the thread may be slow to answer.
  /// - Returns: nil if the loop has gone on meanwhile.
  public func describe(_ turn: HungTurn) -> HungLoop? {
    guard isStill(in: turn) else { return nil }
    let loop = loops[turn.loop]
    let thread = loop.record.pointee.heartbeat.pointee.thread.load(ordering: .relaxed)
    let work = WorkLabel(observing: loop.record)
    let sample = ThreadSample(ofThread: thread, origin: loop.originOfWork)
    let lock = work.isPlugin ? LockWait(of: loop.record, thread: thread) : nil
    guard isStill(in: turn) else { return nil }
    return HungLoop(index: turn.loop, work, sample, lock, thread: thread)
  }
}

extension EventLoop {
  /// An address in the library of the plugin whose code runs; 0 if none runs. From any thread.
  var originOfWork: UInt {
    let scope = record.pointee.hookScope ?? record.pointee.current?.observed(\.scope)
    return (scope?.observed(\.generation) ?? nil)?.observed(\.imageAddress) ?? 0
  }
}

extension WorkLabel.Kind {
  /// As the reports of crashes have it.
  fileprivate var nameInReport: String {
    switch self {
    case .onEnd: "on_end"
    case .onCancel: "on_cancel"
    case .deferred: "deferred"
    case .handler, .job, .host: rawValue
    }
  }
}

extension HungLoop {
  init(index: Int, _ work: WorkLabel, _ sample: ThreadSample, _ lock: LockWait?, thread: Int32) {
    (self.index, phrase, plugin) = (index, work.phrase + (lock?.phrase ?? ""), work.scope?.plugin)
    (label, job, self.work) = (work.scope?.label ?? "", work.job, work.kind.nameInReport)
    request = work.scope?.request.map { "\($0)" }
    scope = work.scope.flatMap { $0.request?.number == $0.id ? nil : $0.identifier }
    (self.thread, stack, isGuess) = (thread, sample.backtrace.text, sample.isGuess)
    (frames, modules) = sample.backtrace.places
    beginsWithCall = !sample.backtrace.beginsWithInterruption
  }

  /// As after a crash.
  public var record: FlightRecord.End { FlightRecord.End(of: self) }
}

extension FlightRecord.End {
  /// What the report of a crash says, of a loop that hangs.
  fileprivate init(of hung: HungLoop) {
    (kind, message, culprit) = (.hang, "", hung.plugin)
    (code, address, thread) = (0, 0, hung.thread)
    (plugin, label, job, work) = (hung.plugin ?? "", hung.label, hung.job, hung.work)
    (request, scope) = (hung.request, hung.scope)
    (stack, isStackGuess) = (hung.stack, hung.isGuess)
    (frames, modules, registers, lostLog) = (hung.frames, hung.modules, [], 0)
    beginsWithCall = hung.beginsWithCall
  }
}

extension Backtrace {
  /// The frames by the file that each lies in.
  fileprivate var places: (frames: [FlightRecord.Frame], modules: [FlightRecord.Module]) {
    var modules: [FlightRecord.Module] = []
    let frames = frames.enumerated().map { index, frame in
      let isReturn = index > 0 || !beginsWithInterruption
      var place = clinux_place()
      guard clinux_find_place(isReturn ? frame - 1 : frame, &place) else {
        return FlightRecord.Frame(address: UInt64(frame), offset: 0, module: nil)
      }
      let path = String(cString: place.file)
      let module = modules.firstIndex { $0.path == path } ?? modules.count
      if module == modules.count { modules.append(FlightRecord.Module(path: path, plugin: "", buildID: "")) }
      return FlightRecord.Frame(address: UInt64(frame), offset: UInt64(frame - place.file_start), module: module)
    }
    return (frames, modules)
  }
}
