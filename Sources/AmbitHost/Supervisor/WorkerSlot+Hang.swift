internal import AmbitCore
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging

// Event loops of a worker hang: that is a crash of what runs on them.
//
// If none of its loops turns, the worker is ended at once. Otherwise another worker is started, as after a crash, and
// the loops that turn serve on until it serves. Then they finish their requests, and the worker is ended.

extension WorkerSlot {
  /// How long a worker may take to say what blocks its loops, in nanoseconds. It ends their connections first.
  private static var timeToDescribe: Int64 { 1_500_000_000 }

  /// Takes note of loops that hang in the worker that serves.
  /// - Returns: the end of the worker, for this place; nil if its loops have turned meanwhile.
  func take(_ hang: Heartbeat.Hang, of worker: WorkerProcess, _ heartbeat: Heartbeat) -> End? {
    let moment = Clock.monotonic
    let answer = abandon(hang.turns, worker)
    if let answer, answer.isEmpty { return nil }
    let crashes = worker.note(hangs: hang.turns, answer ?? [], at: moment)
    guard !hang.isWhole, answer != nil else {
      for loops in crashes.dropFirst() { note(hang, of: worker, loops) }
      return end(worker, because: Self.reason(hang, answer), hang, answer)
    }
    let result = End(moment: Clock.monotonic, meaning: worker.meaningOfEnd)
    // It was ended by order at this very moment: its end is taken note of as any other.
    if result.meaning == .order { return nil }
    worker.noteHang()
    group.leave(worker)
    group.liveness.forget(worker)
    for loops in crashes { note(hang, of: worker, loops) }
    enter(.crashed)
    seeOff(worker, heartbeat)
    return result
  }

  /// Takes note of loops that hang in a worker that finishes its requests.
  /// - Returns: whether nothing is left to wait for: no loop turns, or the worker does not answer.
  func takeWhileDraining(_ hang: Heartbeat.Hang, of worker: WorkerProcess) -> Bool {
    let moment = Clock.monotonic
    let turns = worker.unnoted(hang.turns)
    guard !turns.isEmpty else { return hang.isWhole }
    let answer = abandon(turns, worker)
    guard !worker.isGone else { return true }
    if let answer {
      guard !answer.isEmpty else { return false }
      worker.noteHang()
      for loops in worker.note(hangs: turns, answer, at: moment) { note(hang, of: worker, loops, wasDraining: true) }
    } else if !worker.isHung {
      worker.noteHang()
      var death = Death(of: worker, hang, nil, because: "it \(Self.reason(hang, nil))")
      death.wasDraining = true
      _ = group.faults.note(death)
    }
    return hang.isWhole || answer == nil
  }

  /// Has a worker end the connections of loops that hang.
  /// - Returns: what blocks each loop that still hangs; nil if the worker does not answer.
  private func abandon(_ turns: [HungTurn], _ worker: WorkerProcess) -> [HungLoop]? {
    worker.ask(.abandon(turns), within: Self.timeToDescribe, as: [HungLoop].self)
  }

  /// A crash of the plugin that blocks these loops, while the worker lives on.
  private func note(
    _ hang: Heartbeat.Hang, of worker: WorkerProcess, _ loops: [HungLoop], wasDraining: Bool = false
  ) {
    let others = loops.dropFirst().map { ", and event loop \($0.index) is blocked by \($0.phrase)" }.joined()
    var death = Death(of: worker, hang, loops, because: hang.text(about: loops[0]) + others)
    death.wasDraining = wasDraining
    // Another worker serves in the place of one that drains.
    if wasDraining { _ = group.faults.note(death) } else { note(death) }
  }

  /// Why a worker is ended, as a predicate.
  private static func reason(_ hang: Heartbeat.Hang, _ answer: [HungLoop]?) -> String {
    guard hang.isWhole else {
      return "does not say what blocks event loop \(hang.turns[0].loop), which has not turned for \(hang.limitText)"
    }
    let loops = (answer ?? []).map { "event loop \($0.index) is blocked by \($0.phrase)" }
    let because = loops.isEmpty ? "" : ", since \(loops.joined(separator: ", "))"
    return "has accepted no connection for \(hang.limitText)\(because)"
  }

  /// The end of a worker of which an event loop has hung, and whose end was ordered.
  func reportEnd(ofHung worker: WorkerProcess, _ end: ProcessEnd) {
    var fields = fields
    fields["pid"] = "\(worker.pid)"
    logger.notice(
      "worker \(index) (pid \(worker.pid)), of which an event loop has hung, \(end.text)", metadata: fields)
  }
}
