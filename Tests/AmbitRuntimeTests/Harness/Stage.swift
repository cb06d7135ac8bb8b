import AmbitCore
import AmbitSystem
import CAmbit

@testable import AmbitRuntime

/// A loop of its own for one test, the scopes opened on it, and what happened there, in order.
///
/// All but `play` belongs to the loop's thread.
final class Stage: @unchecked Sendable {
  let loop: LoopPointer
  private(set) var steps: [String] = []
  /// What a test wants to find again from a callback.
  var subject: AnyObject?
  let group: LoopGroup
  private let allClosed = Latch<Void>()
  private var names: [ScopePointer: String] = [:]

  private init(_ group: LoopGroup) {
    self.group = group
    loop = group.loops[0].record
  }

  /// The stage of the loop that this thread runs.
  static var current: Stage {
    Unmanaged.fromOpaque(LoopPointer.ofThisThread!.pointee.server!).takeUnretainedValue()
  }

  /// Runs `scene` on a loop of its own, as the loop's own code, and returns what was noted once every scope that it
  /// opened has closed. The scene sees to it that they end.
  /// - Throws: a `Failure` if a scope stays open, or if the loop counts something that is left.
  static func play(
    limits: RuntimeLimits = RuntimeLimits(), pool: ThreadPool.Limits = .init(), runsOnceJobs: Bool = true,
    _ scene: @escaping @Sendable (Stage) -> Void
  ) throws -> [String] {
    let group = try LoopGroup(
      count: 1, table: HostTable { _ in }, limits: limits, pool: pool, runsOnceJobs: runsOnceJobs)
    defer { group.stop() }
    let stage = Stage(group)
    group.loops[0].post { loop in
      loop.pointee.server = Unmanaged.passUnretained(stage).toOpaque()
      scene(stage)
    }
    guard stage.allClosed.wait(timeout: 120_000_000_000) != nil else {
      throw Failure(group.onEach { _ in "still open: \(stage.openNames); so far: \(stage.steps)" }[0])
    }
    let left = group.onEach { _ in stage.left }[0]
    guard left.isEmpty else { throw Failure("left: \(left); steps: \(stage.steps)") }
    return stage.steps
  }

  func note(_ step: String) { steps.append(step) }

  /// Opens a scope below `parent`, or below the host's. Its closing is noted, unless `name` is empty.
  ///
  /// The stage releases its hold on it at once: it closes when it has been cancelled and its jobs have ended.
  func open(
    _ name: String, kind: Scope.Kind = .child, below parent: ScopePointer? = nil,
    observer: ScopeObserver = Stage.observer
  ) -> ScopePointer {
    let scope = ScopePointer.allocate(capacity: 1)
    names[scope] = name
    let parent = parent ?? loop.pointee.root
    if kind == .request { _ = parent.pointee.use.requests.take() }
    scope.open(below: parent, kind: kind, observer: observer)
    scope.release()
    return scope
  }

  /// Takes note of the end of scopes.
  static let observer = ScopeObserver(
    cancelling: { _ in }, closed: { Stage.current.closed($0.assumingMemoryBound(to: Scope.self)) })

  private func closed(_ scope: ScopePointer) {
    let name = names[scope]!
    if !name.isEmpty { note("\(name) closes: \(scope.pointee.cause)") }
    if scope.pointee.kind == .plugin { scope.close() }
    forget(scope)
  }

  private func forget(_ scope: ScopePointer) {
    // A plugin's scope does not tell that it has closed, and may have to wait for hooks.
    guard scope.pointee.state == .closed else { return afterTurns(1) { self.forget(scope) } }
    names[scope] = nil
    // Whoever still reads the record reads rubbish.
    UnsafeMutableRawBufferPointer(start: scope, count: MemoryLayout<Scope>.size).initializeMemory(
      as: UInt8.self, repeating: 0xDB)
    scope.deallocate()
    if names.isEmpty { allClosed.arrive(()) }
  }

  /// Ends `scope` as the host does when a request is answered: after the jobs that are ready have had their turn.
  func end(_ scope: ScopePointer) {
    scope.hold()
    scope.endAfterReadyJobs()
    scope.release()
  }

  /// Runs `work` as the loop's own code, after what is ready now has had `turns` turns.
  func afterTurns(_ turns: Int, _ work: @escaping () -> Void) {
    let work = LoopWork(run: work)
    group.loops[0].post { _ in
      if turns > 1 { self.afterTurns(turns - 1, work.run) } else { work.run() }
    }
  }

  /// Something that only the loop's thread touches.
  private struct LoopWork: @unchecked Sendable {
    let run: () -> Void
  }

  /// How many jobs wait that the end of `scope` would wake.
  func waiting(in scope: ScopePointer) -> Int {
    var count = 0
    scope.waitersLink.forEach { _ in count += 1 }
    return count
  }

  private var openNames: [String] { names.values.sorted() }

  /// What should not be there once all is closed.
  private var left: [String] {
    var left: [String] = []
    // The loop's own, which may have memory to give back.
    loop.disarm(loop.trimTimer)
    loop.disarm(loop.slabTimer)
    loop.disarm(loop.freedTimer)
    if loop.pointee.liveScopes != 1 { left.append("\(loop.pointee.liveScopes - 1) scopes") }
    if loop.pointee.liveRequests != 0 { left.append("\(loop.pointee.liveRequests) requests") }
    if loop.pointee.root.pointee.life.holds != 1 {
      left.append("\(loop.pointee.root.pointee.life.holds - 1) holds on the root")
    }
    if loop.pointee.root.pointee.jobCount != 0 { left.append("\(loop.pointee.root.pointee.jobCount) jobs of the root") }
    let coldStates = loop.pointee.freeJobColdStates.liveCount
    if coldStates != 0 { left.append("the cold state of \(coldStates) jobs") }
    if !loop.pointee.ready.isEmpty { left.append("something ready to run") }
    loop.disarm(loop.endingTimer)
    let report = LoopReport(of: loop)
    if report.timers != 0 { left.append("\(report.timers) timers") }
    if report.jobs != 0 { left.append("\(report.jobs) records of jobs") }
    if report.stacks != 0 { left.append("\(report.stacks) stacks") }
    return left
  }

  struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
  }
}
