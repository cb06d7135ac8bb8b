import AmbitCore
import CAmbit
import TestSupport

@testable import AmbitRuntime

// Jobs that do random things in their turns.

extension RandomTree {
  func spawn(in node: Node, depth: Int = 0) {
    let job = ModelJob(in: node)
    let isOpen = node.cause == nil
    let steps = random.number(0...6)
    var isInCall = true
    spawned += 1
    node.liveJobs += 1
    let spawned = node.scope.asHandle.spawn(
      ended: { [self] outcome, _ in
        expect(!isInCall, "a hook of \(node) runs inside the spawn")
        end(job, outcome)
      },
      body: { [self] scope in
        expect(!job.mustStop, "a job of \(node) begins after its end")
        job.hasStarted = true
        for _ in 0..<steps where !node.isClosed { step(job, scope, depth: depth) }
        return job.hasSeenCancel ? .cancelled : Status(rawValue: Int32(random.number(0...2)))
      })
    isInCall = false
    expect(spawned.status == (isOpen ? .ok : .cancelled), "spawning in \(node), open: \(isOpen): \(spawned.status)")
    job.handle = spawned.job
    if spawned.job != nil { node.jobs.append(job) }
  }

  private func end(_ job: ModelJob, _ outcome: Outcome) {
    expect(!job.hasEnded, "a hook of \(job.node) runs twice")
    expect(!job.node.isClosed, "a hook runs after \(job.node) has closed")
    expect(job.hasStarted || outcome == .cancelled, "a job of \(job.node) that never ran ends \(outcome)")
    job.hasEnded = true
    job.node.liveJobs -= 1
    ended += 1
  }

  /// One step of a job: a wait, or something that ends waits.
  private func step(_ job: ModelJob, _ scope: ScopeHandle, depth: Int) {
    switch random.number(0...19) {
    case 0...5: wait(job) { scope.yield() }
    case 6...9: wait(job) { scope.sleep(Int64(self.random.number(0...200_000))) }
    case 10...11: wait(job) { scope.sleep() }
    case 12...13:
      let other = job.node.jobs[random.number(0...job.node.jobs.count - 1)]
      guard other !== job else { return }
      wait(job) { scope.join(other.handle, timeout: Int64(self.random.number(0...300_000)) - 1) }
    case 14: wait(job) { scope.joinAll(timeout: Int64(self.random.number(0...300_000)) - 1) }
    case 15...16: if depth < 3 { spawn(in: job.node, depth: depth + 1) }
    case 17: cancel(job.node.jobs[random.number(0...job.node.jobs.count - 1)])
    case 18: deferCall(in: job.node)
    default: if random.number(0...19) == 0 { cancel(job.node, .called) { scope.cancel() } }
    }
  }

  /// Runs a wait, and holds what it returns against what was known before and after.
  private func wait(_ job: ModelJob, _ body: () -> Status) {
    let mustFail = job.mustStop
    let status = body()
    if mustFail { expect(status == .cancelled, "a wait in \(job.node) after its end gives \(status)") }
    guard status == .cancelled else { return expect(!job.hasSeenCancel, "a cancel of \(job.node) does not stick") }
    expect(job.mustStop, "a wait in \(job.node) fails, and nobody has cancelled it")
    job.hasSeenCancel = true
  }
}
