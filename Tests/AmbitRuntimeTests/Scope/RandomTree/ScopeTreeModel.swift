import AmbitCore
import CAmbit

@testable import AmbitRuntime

/// Scopes as the documentation of `ambit.h` describes them, kept beside real ones: what a random player does is done to
/// both, and what the host then tells or returns is held against this.
///
/// All of it belongs to the loop's thread.
final class ScopeTreeModel {
  /// One scope: what was registered, and what has happened to it.
  final class Node {
    let name: String
    let parent: Node?
    let handle: ScopeHandle
    var children: [Node] = []
    /// Hooks and deferred functions that have yet to run, in order of registration.
    var hooks: [Int] = []
    var deferred: [Int] = []
    var liveJobs = 0
    var isClosed = false
    /// Opened by the player, and not closed by it.
    var isOpened = false
    var values: [Int: Int] = [:]

    init(_ name: String, in parent: Node?, handle: ScopeHandle) {
      self.name = name
      self.parent = parent
      self.handle = handle
      parent?.children.append(self)
    }

    /// Whether it has its cause; a call that asks may give it that.
    var isCancelled: Bool {
      _ = handle.cause
      return ScopePointer.of(handle).pointee.cause != .none
    }

    /// The value that is found here under `key`.
    func value(_ key: Int) -> Int? { values[key] ?? parent?.value(key) }

    /// This and all below that have not closed.
    var tree: [Node] { isClosed ? [] : [self] + children.flatMap(\.tree) }

    func isBelow(_ other: Node) -> Bool { self === other || parent?.isBelow(other) ?? false }
  }

  private(set) var faults: [String] = []
  /// Jobs that were spawned, and how often their hooks ran; scopes that were opened, and how many have closed.
  private(set) var spawned = 0
  private(set) var ended = 0
  private(set) var opened = 0
  private(set) var closed = 0
  private var lastNumber = 0

  func expect(_ condition: Bool, _ message: @autoclosure () -> String) {
    if !condition, faults.count < 20 { faults.append(message()) }
  }

  private func number() -> Int {
    lastNumber += 1
    return lastNumber
  }

  /// Registers a node for a scope that is open, and what tells of its end.
  func add(_ name: String, in parent: Node?, handle: ScopeHandle) -> Node {
    let node = Node(name, in: parent, handle: handle)
    opened += 1
    deferFunction(in: node)
    return node
  }

  func deferFunction(in node: Node) {
    let number = number()
    let status = node.handle.deferring { [self] in
      expect(node.deferred.last == number, "\(node.name): deferred \(number) ran, not \(node.deferred)")
      expect(node.isCancelled && node.liveJobs == 0, "\(node.name): closes with \(node.liveJobs) jobs")
      expect(node.hooks.isEmpty, "\(node.name): closes with hooks \(node.hooks)")
      expect(node.children.allSatisfy(\.isClosed), "\(node.name): closes before a child")
      _ = node.deferred.popLast()
      guard node.deferred.isEmpty else { return }
      node.isClosed = true
      closed += 1
    }
    if status == .ok { node.deferred.append(number) }
  }

  func registerHook(in node: Node) {
    let number = number()
    let wasCancelled = node.isCancelled
    var hasRun = false
    if !wasCancelled { node.hooks.append(number) }
    node.handle.onCancel { [self] in
      expect(!hasRun, "\(node.name): hook \(number) ran twice")
      hasRun = true
      expect(node.tree.allSatisfy(\.isCancelled), "\(node.name): told before all below had their cause")
      guard !wasCancelled else { return }
      expect(node.hooks.first == number, "\(node.name): hook \(number) ran, not \(node.hooks)")
      node.hooks.removeFirst()
    }
    expect(hasRun == wasCancelled, "\(node.name): hook \(number) \(hasRun ? "ran" : "did not run") inside the call")
  }

  /// Spawns a job into `node` that runs `body`.
  func spawn(in node: Node, timeout: Int64 = 0, _ body: @escaping () -> Status) -> OpaquePointer? {
    var hasBegun = false
    var hasEnded = false
    let wasCancelled = node.isCancelled
    node.liveJobs += 1
    spawned += 1
    let result = node.handle.spawn(
      options: { $0.timeout = timeout },
      ended: { [self] outcome, code in
        expect(!hasEnded, "\(node.name): a job's hook ran twice")
        expect(hasBegun || outcome == .cancelled, "\(node.name): a job that never began \(outcome)")
        hasEnded = true
        node.liveJobs -= 1
        ended += 1
      },
      body: { [self] _ in
        expect(!wasCancelled && !node.isClosed, "\(node.name): a job began in an ending scope")
        hasBegun = true
        return body()
      })
    expect(!hasEnded && !hasBegun, "\(node.name): a job ran inside the call that spawned it")
    expect(result.status == (wasCancelled ? .cancelled : .ok), "\(node.name): spawn returned \(result.status)")
    return result.job
  }
}
