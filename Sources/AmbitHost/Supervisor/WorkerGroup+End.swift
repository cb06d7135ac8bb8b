internal import AmbitSystem
internal import Synchronization

// The end of all workers.

extension WorkerGroup {
  /// Ends the workers: see `Worker.leave`. Blocks, at most until the deadline.
  /// - Parameters:
  ///   - hasDrained: called when this process may close the sockets, with whether no loop of this process uses them.
  ///   - isStopping: called before what still runs is cancelled.
  /// - Returns: the labels of the generations that still run, or ran when their worker ended.
  func leave(
    by deadline: ShutdownDeadline, hasDrained: (_ isComplete: Bool) -> Void, isStopping: () -> Void
  ) -> [String] {
    if case .inProcess(let worker)? = present.first?.worker {
      return worker.leave(by: deadline, hasDrained: hasDrained, isStopping: isStopping)
    }
    stop(by: deadline)
    hasDrained(true)
    if !awaitEnd(until: deadline.drainEnd) {
      isStopping()
      _ = awaitEnd(until: deadline.lastMoment)
    }
    return leftBehind
  }

  /// Tells each worker to end by the deadline, and starts no other one. Does not wait.
  func stop(by deadline: ShutdownDeadline) {
    for slot in allSlots { slot.stop(by: deadline) }
  }

  /// Waits until all workers have ended.
  /// - Returns: false if one has not by `end`, in monotonic nanoseconds.
  private func awaitEnd(until end: Int64) -> Bool {
    allSlots.allSatisfy { $0.ended.wait(timeout: max(end - Clock.monotonic, 0)) != nil }
  }

  /// The labels of the generations that still ran in workers that have ended.
  private var leftBehind: [String] {
    Set(slots.withLock { $0 }.flatMap { $0.ended.arrived.first ?? [] }).sorted()
  }

  /// Makes the worker of this process accept no more connections; workers in other processes go on. From any thread.
  /// - Parameter timeout: how long to wait for each loop, in nanoseconds.
  /// - Returns: whether no loop of this process uses the sockets.
  func stopAcceptingAtOnce(within timeout: Int64) -> Bool {
    guard case .inProcess(let worker)? = present.first?.worker else { return true }
    return worker.drain(within: timeout)
  }

  /// The labels of the generations that have not stopped. Of workers in processes of their own it tells what still ran
  /// when they ended. From any thread; does not wait.
  var runningLabels: [String] {
    guard case .inProcess(let worker)? = present.first?.worker else { return leftBehind }
    return worker.runningLabels
  }

  /// Ends what was prepared in a host that does not start, or that stops during a reload: see `Worker.endPrepared`.
  /// Workers in other processes end with the host.
  func endPrepared() {
    if case .inProcess(let worker)? = present.first?.worker { worker.endPrepared() }
  }

  /// See `Worker.waitForEnd`.
  func waitForEnd(by deadline: ShutdownDeadline) {
    if case .inProcess(let worker)? = present.first?.worker { worker.waitForEnd(by: deadline) }
  }
}
