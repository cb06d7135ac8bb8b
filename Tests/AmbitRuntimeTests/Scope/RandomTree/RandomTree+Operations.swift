import AmbitCore
import TestSupport

@testable import AmbitRuntime

// What is done to the tree from outside.

extension RandomTree {
  /// Does `count` random things, some of them in each turn of the loop, then cancels what is left; calls `done` when
  /// all has closed.
  func grow(operations count: Int, done: @escaping () -> Void) {
    for _ in 0..<min(count, 50) { operate() }
    guard count <= 50 else { return stage.afterTurns(1) { self.grow(operations: count - 50, done: done) } }
    for node in nodes where node.parent == nil { cancel(node, .shutdown) { node.scope.cancel(.shutdown) } }
    whenEmpty(done)
  }

  private func whenEmpty(_ done: @escaping () -> Void) {
    if nodes.isEmpty { done() } else { stage.afterTurns(1) { self.whenEmpty(done) } }
  }

  private func operate() {
    guard let node = nodes.randomElement(using: &random) else { return open(below: nil) }
    switch random.number(0...99) {
    case 0...9: open(below: nil)
    case 10...24: if node.cause == nil, nodes.count < 300 { open(below: node) }
    case 25...69: spawn(in: node)
    case 70...76:
      let causes: [Cause] = [.disconnect, .deadline, .called, .retired, .shutdown]
      let cause = causes.randomElement(using: &random)!
      cancel(node, cause) { node.scope.cancel(cause) }
    case 77...83: stage.end(node.scope)
    case 84...91: if let job = node.jobs.randomElement(using: &random) { cancel(job) }
    default: deferCall(in: node)
    }
  }

  /// Cancels a scope by `body`, and holds the causes against what they were before.
  func cancel(_ node: Node, _ cause: Cause, by body: () -> Void) {
    let before = node.subtree.map { (node: $0, cause: $0.cause) }
    body()
    for (one, first) in before {
      let expected = first ?? node.cause
      expect(one.cause == expected, "\(one) has cause \(String(describing: one.cause)) after \(cause) of \(node)")
    }
    expect(node.cause == before[0].cause ?? cause, "\(node) is cancelled for \(cause) and says otherwise")
  }

  func cancel(_ job: ModelJob) {
    guard !job.node.isClosed else { return }
    if !job.hasEnded { job.isCancelled = true }
    job.node.scope.asHandle.cancel(job.handle)
  }

  func deferCall(in node: Node) {
    node.deferred += 1
    let place = node.deferred
    let status = node.scope.asHandle.deferring { [self] in
      expect(node.deferred == place, "deferred function \(place) of \(node) runs when \(node.deferred) is next")
      expect(node.liveJobs == 0, "a deferred function of \(node) runs before its last job has ended")
      node.deferred -= 1
    }
    expect(status == .ok, "deferring in \(node): \(status)")
  }
}
