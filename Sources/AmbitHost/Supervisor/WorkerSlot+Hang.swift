internal import AmbitCore
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging
internal import Synchronization

// Event loops of a worker hang: that is a crash of what runs on them.
//
// If none of its loops turns, the worker is ended at once. Otherwise another worker is started, as after a crash, and
// the loops that turn serve on until it serves. Then they finish their requests, and the worker is ended.

extension WorkerSlot {
  /// How long a worker may take to say what blocks its loops, in nanoseconds. It ends their connections first.
  private static var timeToDescribe: Int64 { 1_500_000_000 }
  /// How often the thread that sees a worker off looks.
  private static var lookInterval: Duration { .milliseconds(50) }

  /// Takes note of loops that hang in the worker that serves.
  /// - Returns: the end of the worker, for this place; nil if its loops have turned meanwhile.
  func take(_ hang: Heartbeat.Hang, of worker: WorkerProcess, _ heartbeat: Heartbeat) -> End? {
    let answer = abandon(hang, worker)
    if let answer, answer.isEmpty { return nil }
    guard !hang.isWhole, let answer else { return end(worker, because: Self.reason(hang, answer), hang, answer) }
    let result = End(moment: Clock.monotonic, meaning: worker.meaningOfEnd)
    // It was ended by order at this very moment: its end is taken note of as any other.
    if result.meaning == .order { return nil }
    worker.noteHang()
    group.leave(worker)
    group.liveness.forget(worker)
    note(Death(of: worker, hang, answer, because: Self.reason(hang, answer)))
    enter(.crashed)
    seeOff(worker, heartbeat, besides: hang.turns.map(\.loop))
    return result
  }

  /// Has a worker end the connections of loops that hang.
  /// - Returns: what blocks each loop that still hangs; nil if the worker does not answer.
  private func abandon(_ hang: Heartbeat.Hang, _ worker: WorkerProcess) -> [HungLoop]? {
    worker.ask(.abandon(hang.turns), within: Self.timeToDescribe, as: [HungLoop].self)
  }

  /// What has happened: a sentence if other loops turn and the worker answers, else a predicate of the worker.
  private static func reason(_ hang: Heartbeat.Hang, _ answer: [HungLoop]?) -> String {
    let limit = "hang_limit (\(hang.limit / 1_000_000) ms)"
    let loops = (answer ?? []).map { "event loop \($0.index) is blocked by \($0.phrase)" }
    guard !hang.isWhole else {
      let because = loops.isEmpty ? "" : ", since \(loops.joined(separator: ", "))"
      return "has accepted no connection for \(limit)\(because)"
    }
    guard let first = answer?.first else {
      return "does not say what blocks event loop \(hang.turns[0].loop), which has not turned for \(limit)"
    }
    let others = loops.dropFirst().map { ", and \($0)" }.joined()
    return "event loop \(first.index) has not turned for \(limit), since it is blocked by \(first.phrase)\(others)"
  }

  /// Lets the loops of a worker that turn serve on until another worker serves, then finish their requests, and ends it.
  /// Does not wait.
  private func seeOff(_ worker: WorkerProcess, _ heartbeat: Heartbeat, besides hung: [Int]) {
    onOwnThread { [self] in
      var heartbeat = heartbeat
      let left = Latch<[String]?>()
      /// When its requests have to be finished, in monotonic nanoseconds; nil while they may begin.
      var end: Int64?
      while !worker.isGone, !left.isOpen, end.map({ Clock.monotonic < $0 }) ?? true {
        // The stop of the host, or of this place, ends it.
        if deadline != nil { return }
        if end == nil, status.phase == .serving { end = leave(worker, besides: hung, then: left) }
        if Clock.monotonic >= heartbeat.next, let hang = heartbeat.ask(worker) {
          _ = abandon(hang, worker)
          if hang.isWhole { break }
        }
        pauseThread(Self.lookInterval)
      }
      // Its loops have turned again, and it ends by itself.
      if !worker.isGone, (left.arrived.first ?? nil) != [] { worker.abort() }
      _ = worker.ended.wait(timeout: Self.timeToAbort)
      worker.kill()
    }
  }

  /// Has a worker finish its requests, but for those of loops that hang.
  /// - Parameter left: opens with its answer, or with nil if there is none.
  /// - Returns: when it has to have answered, in monotonic nanoseconds.
  private func leave(_ worker: WorkerProcess, besides hung: [Int], then left: Latch<[String]?>) -> Int64 {
    let settings = settings.withLock { $0 }
    let drain = settings.drainTimeout.wholeNanoseconds
    let leaving = Leaving(
      drain: settings.drainTimeout, cancelGrace: settings.cancelGrace, reason: .replaced, hungLoops: hung)
    let timeout = drain + settings.cancelGrace.wholeNanoseconds + Self.timeToAbort
    onOwnThread { left.arrive(worker.ask(.leave(leaving), within: timeout, as: [String].self)) }
    return Clock.monotonic + timeout
  }

  /// The end of a worker of which an event loop has hung, and whose end was ordered.
  func reportEnd(ofHung worker: WorkerProcess, _ end: ProcessEnd) {
    var fields = fields
    fields["pid"] = "\(worker.pid)"
    logger.notice(
      "worker \(index) (pid \(worker.pid)), of which an event loop has hung, \(end.text)", metadata: fields)
  }
}
