import AmbitCore
import TestSupport

@testable import AmbitRuntime

/// A tree of scopes with jobs in them, on which random things are done, and what is known of each part: whatever a
/// scope or job does that the rules of scopes forbid becomes a violation.
///
/// Belongs to the thread of its loop.
final class RandomTree {
  let stage: Stage
  var random: SeededGenerator
  /// The scopes that have not closed.
  private(set) var nodes: [Node] = []
  private(set) var violations: [String] = []
  /// How many jobs were spawned, and how many of their hooks ran.
  var spawned = 0
  var ended = 0

  init(stage: Stage, seed: UInt64) {
    self.stage = stage
    random = SeededGenerator(seed: seed)
    stage.subject = self
  }

  static var current: RandomTree { Stage.current.subject as! RandomTree }

  func expect(_ isRight: Bool, _ violation: @autoclosure () -> String) {
    if !isRight, violations.count < 10 { violations.append(violation()) }
  }

  func open(below parent: Node?) {
    let scope = stage.open("", below: parent?.scope, observer: Self.observer)
    let node = Node(scope, parent: parent)
    parent?.children.append(node)
    nodes.append(node)
  }

  func node(_ scope: ScopePointer) -> Node { nodes.first { $0.scope == scope }! }

  private static let observer = ScopeObserver(
    cancelling: { RandomTree.current.cancelling($0.assumingMemoryBound(to: Scope.self)) },
    closed: {
      RandomTree.current.closed($0.assumingMemoryBound(to: Scope.self))
      Stage.observer.closed($0)
    })

  private func cancelling(_ scope: ScopePointer) {
    let node = node(scope)
    expect(node.cause == nil, "\(node) is cancelled again")
    expect(node.parent?.cause == nil || node.parent?.cause == scope.pointee.cause, "\(node) ends unlike its parent")
    node.cause = scope.pointee.cause
  }

  private func closed(_ scope: ScopePointer) {
    let node = node(scope)
    expect(scope.pointee.cause == node.cause ?? .done, "\(node) closes for \(scope.pointee.cause), not its first cause")
    expect(node.liveJobs == 0, "\(node) closes before \(node.liveJobs) of its jobs have ended")
    expect(node.children.isEmpty, "\(node) closes before \(node.children.count) of its children")
    expect(node.deferred == 0, "\(node) closes and \(node.deferred) deferred functions have not run")
    node.isClosed = true
    node.parent?.children.removeAll { $0 === node }
    nodes.removeAll { $0 === node }
  }
}

/// What is known of a scope.
final class Node: CustomStringConvertible {
  let scope: ScopePointer
  let parent: Node?
  let id: UInt64
  var children: [Node] = []
  var jobs: [ModelJob] = []
  var liveJobs = 0
  /// Why it was cancelled; nil as long as it was not.
  var cause: Cause?
  var isClosed = false
  /// How many functions are deferred to its end.
  var deferred = 0

  init(_ scope: ScopePointer, parent: Node?) {
    self.scope = scope
    self.parent = parent
    id = scope.pointee.id
  }

  var description: String { "scope \(id)" }

  /// The node and all below it.
  var subtree: [Node] { [self] + children.flatMap(\.subtree) }
}

/// What is known of a job.
final class ModelJob {
  let node: Node
  var handle: OpaquePointer?
  /// It was cancelled by itself.
  var isCancelled = false
  var hasStarted = false
  var hasEnded = false
  /// A wait of it has failed because of a cancel.
  var hasSeenCancel = false

  init(in node: Node) { self.node = node }

  /// Whether its waits must fail from now on.
  var mustStop: Bool { isCancelled || node.cause != nil }
}
