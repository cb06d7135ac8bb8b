import AmbitCore
import CAmbit
import TestSupport

@testable import AmbitRuntime

/// Does random things with the scopes of one request, from jobs in them, as a seed says.
final class ScopeTreePlayer {
  let model = ScopeTreeModel()
  private let root: ScopeTreeModel.Node
  private var generator: SeededGenerator
  /// How many jobs may still be spawned.
  private var budget: Int
  private var references: [(node: ScopeTreeModel.Node, reference: ambit_ref)] = []

  init(seed: UInt64, budget: Int, scope: ScopePointer) {
    generator = SeededGenerator(seed: seed)
    self.budget = budget
    root = model.add("root", in: nil, handle: scope.asHandle)
  }

  /// Spawns the first jobs.
  func begin() {
    for _ in 0..<generator.number(1...4) { spawn(in: root) }
  }

  private func spawn(in node: ScopeTreeModel.Node) {
    guard budget > 0 else { return }
    budget -= 1
    let timeout = generator.number(0...7) == 0 ? Int64(generator.number(1...500_000)) : 0
    _ = model.spawn(in: node, timeout: timeout) { [self] in
      // Each job is in scopes that cannot go away while it runs: its own and those above it.
      for _ in 0..<generator.number(0...12) where !act(in: node) { return .cancelled }
      return generator.number(0...9) == 0 ? .failed : .ok
    }
  }

  /// One thing that a job of `node` does; false if it is to return.
  private func act(in node: ScopeTreeModel.Node) -> Bool {
    let target = generator.number(0...2) == 0 ? randomNode(below: node) : node
    switch generator.number(0...17) {
    case 0...2: spawn(in: target)
    case 3...5: return wait(in: node)
    case 6, 7: open(in: target)
    case 8: close(below: node)
    case 9: model.deferFunction(in: target)
    case 10: model.registerHook(in: target)
    case 11: if generator.number(0...3) == 0 { target.handle.cancel() }
    case 12: setTimeout(of: target)
    case 13: node.handle.shield(generator.number(0...3) > 0)
    case 14: keepValue(in: target)
    case 15: references.append((target, target.handle.reference))
    case 16: post()
    default: return checkReference()
    }
    return true
  }

  private func randomNode(below node: ScopeTreeModel.Node) -> ScopeTreeModel.Node {
    node.tree.randomElement(using: &generator)!
  }

  private func wait(in node: ScopeTreeModel.Node) -> Bool {
    let isCancelled = node.isCancelled
    let job = JobPointer.ofThisThread!
    let isShielded = job.pointee.cancellation.isShielded
    let status =
      switch generator.number(0...3) {
      case 0: node.handle.yield()
      case 1: node.handle.joinAll(timeout: Int64(generator.number(0...300_000)))
      default: node.handle.sleep(Int64(generator.number(0...300_000)))
      }
    if isCancelled, !isShielded { model.expect(status == .cancelled, "\(node.name): a wait returned \(status)") }
    if status == .cancelled {
      model.expect(node.isCancelled || job.pointee.isCancelled, "\(node.name): a wait was cancelled without a cause")
    }
    return status != .cancelled || generator.number(0...2) == 0
  }

  private func open(in node: ScopeTreeModel.Node) {
    let isCancelled = node.isCancelled
    let opened = node.handle.openChild { options in
      if generator.number(0...3) == 0 { options.timeout = Int64(generator.number(1...500_000)) }
      if generator.number(0...3) == 0 { options.flags = AMBIT_FAIL_FAST }
    }
    model.expect(opened.status == (isCancelled ? .cancelled : .ok), "\(node.name): open returned \(opened.status)")
    guard let scope = opened.scope else { return }
    let child = model.add("\(node.name)/\(node.children.count)", in: node, handle: scope)
    child.isOpened = true
  }

  private func close(below node: ScopeTreeModel.Node) {
    let candidates = node.tree.filter { $0 !== node && $0.isOpened }
    guard let child = candidates.randomElement(using: &generator) else { return }
    // Nobody else may use what is below once its scope is being closed.
    for closing in child.tree { closing.isOpened = false }
    let status = child.handle.closeChild()
    model.expect(status == .ok && child.isClosed, "\(child.name): close returned \(status)")
  }

  private func setTimeout(of node: ScopeTreeModel.Node) {
    let isCancelled = node.isCancelled
    let status = node.handle.setTimeout(Int64(generator.number(-1...600_000)))
    model.expect(status == (isCancelled ? .cancelled : .ok), "\(node.name): set_timeout returned \(status)")
    let above = node.parent?.handle.deadline ?? .max
    model.expect(node.handle.deadline <= above, "\(node.name): a deadline after its parent's")
  }

  private func keepValue(in node: ScopeTreeModel.Node) {
    let key = generator.number(1...3)
    let value: Int? = generator.number(0...3) == 0 ? nil : generator.number(1...1000)
    let pointer = value.flatMap(UnsafeMutableRawPointer.init(bitPattern:))
    _ = ambit_set(node.handle, UnsafeRawPointer(bitPattern: key), pointer)
    node.values[key] = value
    for node in root.tree {
      let found = ambit_get(node.handle, UnsafeRawPointer(bitPattern: key)).map { Int(bitPattern: $0) }
      model.expect(found == node.value(key), "\(node.name): key \(key) is \(found ?? 0)")
    }
  }

  private func post() {
    guard let (node, reference) = references.randomElement(using: &generator) else { return }
    let isOpen = !node.isClosed && !node.isCancelled
    let status = reference.post { _ in .ok }
    model.expect(status == (isOpen ? .ok : .closed), "\(node.name): post returned \(status)")
  }

  private func checkReference() -> Bool {
    guard let (node, reference) = references.randomElement(using: &generator) else { return true }
    let cause = node.isClosed ? Cause.done : node.handle.cause
    let told = reference.cause
    // Its deadline may have passed in between.
    let later = node.isClosed ? Cause.done : node.handle.cause
    model.expect([cause, later].contains(told), "\(node.name): its reference says \(told), not \(cause)")
    return true
  }
}
