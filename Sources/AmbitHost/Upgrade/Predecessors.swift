internal import AmbitCore
internal import AmbitSystem
internal import Logging
internal import Synchronization

/// The workers of the program that this one has replaced. They serve until the workers of this program do, then finish
/// their requests and end. They are given no orders: they may be of another version.
///
/// From any thread.
final class Predecessors: Sendable {
  private struct Member {
    let worker: TakeOver.Worker
    let process: SupervisedProcess
    /// Nil once it was closed.
    var connection: MessageConnection?
    var phase = WorkerPhase.serving
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
      let connection = MessageConnection(owned: worker.connection, limit: 0, acceptsDescriptors: false)
      state.withLock { $0.members[worker.pid] = Member(worker: worker, process: process, connection: connection) }
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

  /// Has them finish their requests and end. They are killed if they take too long. Does not wait: see `ended`.
  func release(drain: Duration, cancelGrace: Duration) {
    let connections = state.withLock { state in
      for pid in state.members.keys where state.members[pid]!.phase == .serving {
        (state.members[pid]!.phase, state.members[pid]!.since) = (.draining, Clock.wall)
      }
      return state.members.values.compactMap(\.connection)
    }
    for connection in connections { connection.close() }
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
