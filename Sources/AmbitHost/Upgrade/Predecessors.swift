internal import AmbitCore
internal import AmbitSystem
internal import Logging
internal import Synchronization

/// The workers of the programs that were there before this one. Those of the last one serve until the workers of this
/// program do, then finish their requests and end. Others finish their requests already. They are given no orders but
/// `newWorkersServe`: they may be of another version.
///
/// From any thread.
final class Predecessors: Sendable {
  private struct Member {
    let worker: TakeOver.Worker
    let process: SupervisedProcess
    /// Nil once it was closed.
    var connection: MessageConnection?
    var phase: WorkerPhase
    var since = Clock.wall
  }

  private struct State {
    var members: [Int32: Member] = [:]
    var isComplete = false
  }

  private let state = Mutex(State())
  /// Opens when none is left.
  let ended = Latch<Void>()
  private let logger = Logger(label: "ambit")

  /// Adopts the processes. Call it before `ChildProcesses.begin`.
  /// - Parameter onEnd: called when one of them has ended. Must not block.
  func adopt(
    _ workers: [TakeOver.Worker], by children: ChildProcesses, onEnd: @escaping @Sendable () -> Void
  ) {
    for worker in workers {
      guard let mark = ProcessMark(worker.mark) else { continue }
      let process = children.adopt(worker.pid, mark) { [self] event in
        note(event, of: worker)
        if case .ended = event { onEnd() }
      }
      let connection = worker.connection.map { MessageConnection(owned: $0, limit: 0, acceptsDescriptors: false) }
      let member = Member(
        worker: worker, process: process, connection: connection, phase: worker.isDraining ? .draining : .serving)
      state.withLock { $0.members[worker.pid] = member }
    }
    state.withLock { $0.isComplete = true }
    endIfEmpty()
  }

  private func note(_ event: ProcessEvent, of worker: TakeOver.Worker) {
    guard case .ended(let child) = event else { return }
    let member = state.withLock { $0.members.removeValue(forKey: worker.pid) }
    if child.end != .exited(0) || member?.phase == .serving {
      logger.warning(
        "worker \(worker.index) (pid \(worker.pid)) of the program before \(child.end.text)",
        metadata: ["worker": "\(worker.index)"])
    }
    endIfEmpty()
  }

  private func endIfEmpty() {
    guard state.withLock({ $0.isComplete && $0.members.isEmpty }), !ended.isOpen else { return }
    ended.arrive(())
  }

  /// Whether none is left, or there were none.
  var isEmpty: Bool { state.withLock { $0.members.isEmpty } }

  /// Whether one of them accepts connections.
  var serve: Bool { state.withLock { $0.members.values.contains { $0.phase == .serving } } }

  /// What the next program needs to adopt them.
  var handedOver: [TakeOver.Worker] {
    state.withLock { Array($0.members.values) }.map { member in
      TakeOver.Worker(
        index: member.worker.index, pid: member.worker.pid, mark: member.worker.mark,
        isDraining: member.phase == .draining, connection: member.connection?.number)
    }
  }

  /// Has them finish their requests and end. They are killed if they take too long. Does not wait: see `ended`.
  /// - Parameter serve: whether workers of this program serve in their place.
  func release(drain: Duration, cancelGrace: Duration, newWorkersServe serve: Bool) {
    let connections = state.withLock { state in
      state.members.keys.compactMap { pid in
        if state.members[pid]!.phase == .serving {
          (state.members[pid]!.phase, state.members[pid]!.since) = (.draining, Clock.wall)
        }
        return state.members[pid]!.connection.take()
      }
    }
    for connection in connections {
      // If the connection is full because the worker is stopped, it takes this process for gone, and ends, too.
      if serve { connection.send(WorkerMessage.order(.newWorkersServe, number: 0), within: 0) }
      connection.close()
    }
    // A worker that its supervisor has left takes half a second at least.
    let deadline = ShutdownDeadline(
      since: Clock.monotonic, drain: drain, cancelGrace: max(cancelGrace, .milliseconds(500)))
    onOwnThread { [self] in
      guard ended.wait(timeout: deadline.lastMoment - Clock.monotonic) == nil else { return }
      for member in state.withLock({ Array($0.members.values) }) {
        logger.warning(
          """
          worker \(member.worker.index) (pid \(member.worker.pid)) of the program before has not ended in time: it is \
          killed
          """)
        member.process.kill()
      }
    }
  }

  /// A line of the status for each.
  var statuses: [WorkerStatus] {
    state.withLock { $0.members.values.sorted { $0.worker.index < $1.worker.index } }.map { member in
      var slot = WorkerSlot.Status()
      (slot.phase, slot.pid, slot.since) = (member.phase, member.worker.pid, member.since)
      return WorkerStatus(index: member.worker.index, slot, report: nil, isPredecessor: true)
    }
  }
}
