import AmbitCore
import TestSupport
import Testing

@Suite("Life cycle of a scope") struct ScopeLifeCycleTests {
  typealias Phase = ScopeLifeCycle.Phase
  typealias Owner = ScopeLifeCycle.Owner

  /// What the runtime does to a scope's life.
  enum Event: String, CaseIterable, Sendable {
    case cancel, queueEnd, hold, release, leaveOpener, beginClosing, endClosing
  }

  /// One row of the table: a life in a phase with so many holds, an event, and what comes of it.
  struct Row: CustomStringConvertible, Sendable {
    let phase: Phase
    let owner: Owner
    let holds: UInt32
    let event: Event
    /// What the transition returns, as text; empty if it returns nothing.
    let result: String
    let next: Phase

    var description: String { "\(phase), owner \(owner), \(holds) holds: \(event)" }

    init(_ phase: Phase, _ owner: Owner, _ holds: UInt32, _ event: Event, _ result: String, _ next: Phase) {
      self.phase = phase
      self.owner = owner
      self.holds = holds
      self.event = event
      self.result = result
      self.next = next
    }
  }

  static let table: [Row] = [
    // The first cause wins.
    Row(.open, .none, 1, .cancel, "true", .cancelling),
    Row(.ending, .none, 1, .cancel, "true", .cancelling),
    Row(.cancelling, .none, 1, .cancel, "false", .cancelling),
    Row(.closable, .opener, 1, .cancel, "false", .closable),
    Row(.closing, .none, 1, .cancel, "false", .closing),
    Row(.closed, .none, 0, .cancel, "false", .closed),
    // The end with `done` is queued once, and never in a scope that has ended otherwise.
    Row(.open, .none, 1, .queueEnd, "true", .ending),
    Row(.ending, .none, 1, .queueEnd, "false", .ending),
    Row(.cancelling, .none, 1, .queueEnd, "false", .cancelling),
    Row(.closable, .generation, 0, .queueEnd, "false", .closable),
    Row(.closing, .none, 1, .queueEnd, "false", .closing),
    Row(.closed, .none, 0, .queueEnd, "false", .closed),
    // A hold makes a scope go on that waits for its opener, and no other.
    Row(.open, .none, 1, .hold, "false", .open),
    Row(.ending, .none, 1, .hold, "false", .ending),
    Row(.cancelling, .opener, 1, .hold, "false", .cancelling),
    Row(.closable, .opener, 1, .hold, "true", .cancelling),
    Row(.closable, .generation, 0, .hold, "false", .closable),
    Row(.closing, .none, 1, .hold, "false", .closing),
    // An open scope stays when nobody holds it.
    Row(.open, .none, 1, .release, "none", .open),
    Row(.ending, .none, 1, .release, "none", .ending),
    // A cancelled one closes with its last hold, or waits for its owner.
    Row(.cancelling, .none, 2, .release, "none", .cancelling),
    Row(.cancelling, .none, 1, .release, "close", .cancelling),
    Row(.cancelling, .opener, 3, .release, "none", .cancelling),
    Row(.cancelling, .opener, 2, .release, "becameClosable", .closable),
    Row(.cancelling, .generation, 2, .release, "none", .cancelling),
    Row(.cancelling, .generation, 1, .release, "becameClosable", .closable),
    // A generation is told once that its scope can be closed.
    Row(.closable, .generation, 1, .release, "none", .closable),
    Row(.closing, .none, 2, .release, "none", .closing),
    Row(.closing, .none, 1, .release, "close", .closing),
    Row(.closing, .generation, 1, .release, "close", .closing),
    // The opener's hold is released separately.
    Row(.open, .opener, 1, .leaveOpener, "false", .open),
    Row(.cancelling, .opener, 2, .leaveOpener, "false", .cancelling),
    Row(.closable, .opener, 1, .leaveOpener, "true", .cancelling),
    Row(.cancelling, .none, 0, .beginClosing, "", .closing),
    Row(.closable, .generation, 0, .beginClosing, "", .closing),
    Row(.closing, .none, 0, .beginClosing, "", .closing),
    Row(.closing, .none, 2, .endClosing, "false", .closing),
    Row(.closing, .none, 1, .endClosing, "true", .closed),
  ]

  @Test(arguments: table) func `The life of a scope follows the table of transitions`(row: Row) {
    var life = Self.life(in: row.phase, owner: row.owner, holds: row.holds)
    #expect(Self.apply(row.event, to: &life) == row.result)
    #expect(life.phase == row.next)
  }

  @Test func `A scope keeps its first cause`() {
    var life = ScopeLifeCycle()
    #expect(life.cause == .none)
    _ = life.cancel(.deadline)
    _ = life.cancel(.shutdown)
    #expect(life.cause == .deadline)
  }

  @Test func `An open scope counts its holds`() {
    var life = ScopeLifeCycle()
    for _ in 0..<3 { _ = life.hold() }
    _ = life.release()
    #expect(life.holds == 3)
    #expect(life.phase == .open)
  }

  @Test func `A scope takes no more requests from its retirement on, in every phase`() {
    var life = ScopeLifeCycle(owner: .generation)
    #expect(!life.isRetiring)
    life.retire()
    #expect(life.isRetiring && life.isOpen)
    _ = life.cancel(.retired)
    #expect(life.isRetiring)
  }

  @Test(arguments: zip(Phase.allCases, [ScopeState.open, .open, .cancelling, .cancelling, .cancelling, .closed]))
  func `Every phase is reported as one of three states`(phase: Phase, state: ScopeState) {
    let life = Self.life(in: phase, owner: phase == .closable ? .opener : .none, holds: 1)
    #expect(life.state == state)
    #expect(life.isOpen == (state == .open))
  }

  /// Whatever happens, in whatever order: a phase never comes back, but for a closable scope that its opener uses
  /// again.
  @Test(arguments: Owner.allCases) func `The phases of a scope only move forward, whatever happens to it`(owner: Owner)
  {
    var random = SeededGenerator(seed: 1)
    for _ in 0..<2_000 {
      var life = ScopeLifeCycle(owner: owner)
      for _ in 0..<40 {
        let event = Event.allCases.randomElement(using: &random)!
        guard Self.isAllowed(event, in: life) else { continue }
        let before = life
        _ = Self.apply(event, to: &life)
        let mayGoOn = before.phase == .closable && before.owner == .opener && life.phase == .cancelling
        #expect(life.phase.rawValue >= before.phase.rawValue || mayGoOn, "\(event): \(before) became \(life)")
        #expect(before.cause == .none || life.cause == before.cause)
        #expect(life.isOpen == (life.cause == .none))
      }
    }
  }

  /// Whether the runtime could do that: it gives up holds that there are, and closes what can be closed.
  private static func isAllowed(_ event: Event, in life: ScopeLifeCycle) -> Bool {
    switch event {
    case .cancel, .queueEnd: true
    case .hold: life.phase != .closed
    case .release: life.phase != .closed && life.holds > (life.owner == .opener ? 1 : 0)
    case .leaveOpener: life.owner == .opener
    case .beginClosing:
      life.holds == 0 && (life.phase == .closing || life.phase == (life.owner == .generation ? .closable : .cancelling))
    case .endClosing: life.phase == .closing && life.holds > 0
    }
  }

  private static func apply(_ event: Event, to life: inout ScopeLifeCycle) -> String {
    switch event {
    case .cancel: return "\(life.cancel(.called))"
    case .queueEnd: return "\(life.queueEnd())"
    case .hold: return "\(life.hold())"
    case .release: return "\(life.release())"
    case .leaveOpener: return "\(life.leaveOpener())"
    case .beginClosing:
      life.beginClosing()
      return ""
    case .endClosing: return "\(life.endClosing())"
    }
  }

  /// A life that has come to `phase` by transitions, with so many holds.
  private static func life(in phase: Phase, owner: Owner, holds: UInt32) -> ScopeLifeCycle {
    var life = ScopeLifeCycle(owner: owner)
    if phase == .ending { _ = life.queueEnd() }
    if phase.rawValue >= Phase.cancelling.rawValue { _ = life.cancel(.called) }
    if phase == .closable {
      // The opener has a hold of its own besides.
      if owner == .opener { _ = life.hold() }
      _ = life.release()
    }
    if phase == .closing || phase == .closed {
      _ = life.release()
      life.beginClosing()
    }
    if phase == .closed { _ = life.endClosing() }
    while life.holds < holds { _ = life.hold() }
    while life.holds > holds { _ = life.release() }
    return life
  }
}
