import AmbitCore
import TestSupport
import Testing

@testable import AmbitHost

/// What follows from crashes of plugins.
@Suite struct `The ledger of faults` {
  private static let second: Int64 = 1_000_000_000

  private var ledger = FaultLedger()

  /// A generation of plugin "my" serves since that second.
  private mutating func serve(
    _ number: UInt64, _ content: String?, since: Int64 = 0, isPlugin: Bool = true, hasOtherLastGood: Bool = false,
    isRollBack: Bool = false
  ) {
    var record = GenerationRecord(
      label: "my/\(number)", number: number, hash: content, began: since * Self.second, start: since * Self.second,
      isPlugin: isPlugin)
    (record.hasOtherLastGood, record.isProven) = (hasOtherLastGood, isRollBack)
    ledger.serve(record, of: "my", because: isRollBack ? "rolled back: SIGSEGV" : nil)
  }

  private mutating func crash(_ number: UInt64, at time: Int64) -> FaultLedger.Consequence {
    ledger.noteCrash(
      of: "my", generation: number, "SIGSEGV at 0x0", at: time * Self.second, wall: time * Self.second)
  }

  private func isRollBack(_ consequence: FaultLedger.Consequence) -> Bool {
    if case .rollBack = consequence { true } else { false }
  }

  @Test mutating func `The crash that reaches the limit quarantines a plugin that has nothing to go back to`() {
    serve(1, "a")
    #expect(crash(1, at: 1) == .counted)
    #expect(crash(1, at: 2) == .counted)
    let quarantine = PluginQuarantine(
      label: "my/1", since: 5 * Self.second, reason: "3 crashes in 4 s", lastCrash: "SIGSEGV at 0x0")
    #expect(crash(1, at: 5) == .quarantine(quarantine))
    #expect(quarantine.text == "3 crashes in 4 s, the last: SIGSEGV at 0x0")
    #expect(ledger.quarantines == ["my": quarantine])
    #expect(crash(1, at: 6) == .gone)
    #expect(ledger.history(of: "my").map(\.crashes) == [4])
  }

  @Test mutating func `Another generation ends a quarantine, and has crashes of its own`() {
    serve(1, "a")
    for time in 1...3 { _ = crash(1, at: Int64(time)) }
    serve(2, "a", since: 4)
    #expect(ledger.quarantines.isEmpty)
    #expect(ledger.history(of: "my")[0].end?.reason.hasPrefix("quarantined: 3 crashes in 2 s") == true)
    #expect(crash(2, at: 5) == .counted)
    #expect(crash(2, at: 6) == .counted)
    #expect(crash(1, at: 6) == .gone, "a worker of before")
    guard case .quarantine = crash(2, at: 7) else {
      Issue.record("no quarantine")
      return
    }
  }

  @Test mutating func `A crash of a new content rolls it back once, before it is proven`() {
    serve(1, "a")
    serve(2, "b", since: 40)
    #expect(ledger.target(of: "my")?.label == "my/1")
    #expect(ledger.isOnProbation("my", at: 41 * Self.second))
    guard case .rollBack(let order) = crash(2, at: 41) else {
      Issue.record("no roll-back")
      return
    }
    #expect(order == RollBackOrder(plugin: "my", label: "my/2", crash: "SIGSEGV at 0x0", decided: 41 * Self.second))
    #expect(crash(2, at: 41) == .gone, "another worker has crashed at the same time")
    #expect(ledger.rollBacks == [order])
    ledger.condemn("my/2", of: "my")
    serve(3, "a", since: 42, isRollBack: true)
    #expect(ledger.rollBacks.isEmpty)
    #expect(ledger.target(of: "my") == nil)
    #expect(ledger.history(of: "my").map { $0.end?.reason } == ["replaced by my/2", "rolled back: SIGSEGV", nil])
    #expect(crash(3, at: 43) == .counted)
    #expect(crash(3, at: 44) == .counted)
    guard case .quarantine = crash(3, at: 45) else {
      Issue.record("no quarantine")
      return
    }
  }

  @Test mutating func `A generation that has served for prove_time or for prove_requests is not rolled back`() {
    serve(1, "a")
    serve(2, "b", since: 40)
    #expect(ledger.look(["my/2": 99, "my/1": 500], at: 69 * Self.second) == [])
    #expect(ledger.isOnProbation("my", at: 69 * Self.second))
    #expect(ledger.look(["my/2": 100], at: 69 * Self.second) == ["my"])
    #expect(!ledger.isOnProbation("my", at: 69 * Self.second))
    #expect(crash(2, at: 69) == .counted)
    serve(3, "c", since: 70)
    #expect(!ledger.isOnProbation("my", at: 100 * Self.second))
    #expect(crash(3, at: 100) == .counted)
  }

  @Test mutating func `Without a time to prove nothing is rolled back`() {
    ledger.limits.proveTime = 0
    serve(1, "a")
    serve(2, "b", since: 40)
    #expect(crash(2, at: 40) == .counted)
  }

  @Test mutating func `A roll-back leads to the last proven content, or else to the last without a crash`() {
    serve(1, "a")
    serve(2, "b", since: 40)
    serve(3, "c", since: 41)
    #expect(ledger.target(of: "my")?.label == "my/1", "my/2 is not proven")
    serve(4, "d", since: 80)
    #expect(ledger.target(of: "my")?.label == "my/3")
    var other = `The ledger of faults`()
    other.serve(1, "a")
    _ = other.crash(1, at: 1)
    other.serve(2, "b", since: 2)
    #expect(other.ledger.target(of: "my") == nil, "the first has crashed and is not proven")
    #expect(other.crash(2, at: 3) == .counted)
    other.serve(3, "c", since: 4)
    #expect(other.ledger.target(of: "my") == nil)
  }

  @Test mutating func `The same content with other settings is neither rolled back nor to be proven again`() {
    serve(1, "a")
    serve(2, "a", since: 40)
    #expect(ledger.target(of: "my") == nil && !ledger.isOnProbation("my", at: 41 * Self.second))
    serve(3, "b", since: 42)
    serve(4, "a", since: 43)
    #expect(ledger.target(of: "my")?.label == "my/3")
    #expect(crash(4, at: 44) == .counted)
  }

  @Test mutating func `The first content of a host is rolled back to another last good copy, and to none of its own`() {
    serve(1, "a", hasOtherLastGood: true)
    #expect(isRollBack(crash(1, at: 1)))
    var other = `The ledger of faults`()
    other.serve(1, "a")
    #expect(other.crash(1, at: 1) == .counted)
  }

  @Test mutating func `A library is quarantined and not rolled back`() {
    serve(1, "a", isPlugin: false)
    serve(2, "b", since: 1, isPlugin: false)
    #expect(ledger.target(of: "my") == nil)
    _ = crash(2, at: 2)
    _ = crash(2, at: 3)
    guard case .quarantine = crash(2, at: 4) else {
      Issue.record("no quarantine")
      return
    }
  }

  @Test mutating func `A crash of what does not serve, or never has, changes nothing`() {
    #expect(crash(1, at: 1) == .counted)
    serve(1, "a")
    #expect(crash(2, at: 1) == .counted, "a generation that starts, and may never serve")
    ledger.remove("my", at: 2 * Self.second, wall: 2 * Self.second)
    #expect(crash(1, at: 3) == .gone)
    #expect(ledger.quarantines.isEmpty && ledger.rollBacks.isEmpty && ledger.current("my") == nil)
    #expect(ledger.history(of: "my").first?.end?.reason == "its file was removed")
  }

  @Test mutating func `A roll-back that fails ends in a quarantine`() {
    serve(1, "a")
    serve(2, "b", since: 1)
    _ = crash(2, at: 2)
    let quarantine = ledger.quarantine("my", because: "its roll-back failed", "SIGSEGV", wall: 3)
    #expect(quarantine?.label == "my/2" && ledger.rollBacks.isEmpty)
    #expect(ledger.quarantines["my"] == quarantine)
  }

  @Test mutating func `The last 50 generations of a plugin are remembered`() {
    for number in 1...60 { serve(UInt64(number), "\(number)", since: Int64(number)) }
    #expect(ledger.history(of: "my").map(\.number) == Array(11...60))
  }
}
