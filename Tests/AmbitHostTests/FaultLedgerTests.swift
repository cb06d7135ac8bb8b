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
    _ number: UInt64, _ content: String?, since: Int64 = 0, isPlugin: Bool = true, otherLastGood: String? = nil,
    isRollBack: Bool = false
  ) {
    var record = GenerationRecord(
      label: "my/\(number)", number: number, hash: content, began: since * Self.second, start: since * Self.second,
      isPlugin: isPlugin)
    (record.otherLastGood, record.isProven) = (otherLastGood, isRollBack)
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

  @Test mutating func `A plan that does not come about takes back what it has changed, and no crash of other plugins`()
  {
    serve(1, "a")
    for time in 1...2 { #expect(crash(1, at: Int64(time)) == .counted) }
    let other = GenerationRecord(label: "other/1", number: 1, hash: "o", began: 0, start: 0, isPlugin: true)
    ledger.serve(other, of: "other")
    let before = ledger
    serve(2, "b", since: 3)
    for time in 4...6 {
      let moment = Int64(time) * Self.second
      _ = ledger.noteCrash(of: "other", generation: 1, "SIGSEGV at 0x0", at: moment, wall: moment)
    }
    ledger.goBack(of: ["my"], to: before)
    #expect(ledger.quarantines.keys.sorted() == ["other"])
    #expect(ledger.history(of: "my").map(\.label) == ["my/1"] && ledger.current("my") != nil)
    if case .quarantine = crash(1, at: 7) {} else { Issue.record("the crashes before count") }
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

  @Test mutating func `Roll-backs in a row lead to one content after the other`() {
    for (number, content) in ["a", "b", "b", "c", "d"].enumerated() {
      serve(UInt64(number + 1), content, since: Int64(40 * number))
    }
    #expect(ledger.targets(of: "my").map(\.label) == ["my/4", "my/3"])
    serve(6, "c", since: 200, isRollBack: true)
    #expect(ledger.targets(of: "my").map(\.label) == ["my/3", "my/1"])
    serve(7, "b", since: 240, isRollBack: true)
    #expect(ledger.targets(of: "my").map(\.label) == ["my/1"])
    serve(8, "a", since: 280, isRollBack: true)
    #expect(ledger.targets(of: "my").isEmpty)
  }

  @Test mutating func `Nothing is rolled back to a bad content, whichever generation had it, until proven anew`() {
    serve(1, "a")
    serve(2, "b", since: 40)
    serve(3, "b", since: 80)
    for time: Int64 in 121...123 { _ = crash(3, at: time) }
    #expect(ledger.quarantines["my"] != nil && ledger.inDoubt(at: 124 * Self.second) == ["my"])
    serve(4, "c", since: 130)
    #expect(ledger.target(of: "my")?.label == "my/1", "my/2 was proven, and had the content that was quarantined")
    serve(5, "b", since: 131)
    #expect(ledger.isOnProbation("my", at: 132 * Self.second), "an operator has had it tried again")
    #expect(ledger.look(["my/5": 100], at: 133 * Self.second) == ["my"])
    serve(6, "d", since: 134)
    #expect(ledger.target(of: "my")?.label == "my/5")
    serve(7, "b", since: 135, isRollBack: true)
    serve(8, "a", since: 136, isRollBack: true)
    serve(9, "e", since: 137)
    #expect(ledger.target(of: "my")?.label == "my/8", "the roll-back by hand condemns a proven content, too")
  }

  @Test mutating func `A content is not rolled back to a last good copy that is bad`() {
    serve(1, "a")
    for time: Int64 in 1...3 { _ = crash(1, at: time) }
    serve(2, "b", since: 10, otherLastGood: "a")
    #expect(!ledger.isOnProbation("my", at: 10 * Self.second))
    #expect(crash(2, at: 11) == .counted)
    ledger.remove("my", at: 12 * Self.second, wall: 12)
    serve(3, "c", since: 13, otherLastGood: "z")
    #expect(isRollBack(crash(3, at: 14)))
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
    serve(1, "a", otherLastGood: "z")
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
