import AmbitCore
import AmbitSystem
import Dispatch
import Glibc
import Testing

@testable import AmbitRuntime

@Suite struct PostingToALoop {
  @Test func `Posted work runs on the loop's thread, in the order of each poster`() throws {
    let group = try LoopGroup(count: 1, table: HostTable { _ in }, limits: RuntimeLimits())
    defer { group.stop() }
    let loop = group.loops[0]
    let latch = Latch<[Int]>(expected: 8 * 2_000)
    DispatchQueue.concurrentPerform(iterations: 8) { thread in
      for number in 0..<2_000 {
        loop.post { record in latch.arrive(LoopPointer.ofThisThread == record ? [thread, number] : []) }
      }
    }
    let arrived = try #require(latch.wait(timeout: 120_000_000_000))
    for thread in 0..<8 { #expect(arrived.filter { $0.first == thread }.map { $0[1] } == Array(0..<2_000)) }
  }

  @Test func `Each post wakes an idle loop`() throws {
    let group = try LoopGroup(count: 1, table: HostTable { _ in }, limits: RuntimeLimits())
    defer { group.stop() }
    for round in 0..<2_000 { #expect(group.onEach { _ in round } == [round]) }
  }

  @Test func `Work that the loop posts itself runs in a later turn`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let turn = stage.loop.pointee.turn
      stage.afterTurns(1) {
        stage.note("\(stage.loop.pointee.turn - turn)")
        scope.cancel(.called)
      }
    }
    #expect(steps == ["1"])
  }

  @Test func `Several posts before the loop takes its mail wake it once`() throws {
    let mailbox = try Mailbox()
    for _ in 0..<3 { #expect(!mailbox.post { _ in }) }
    #expect(mailbox.hasMail)
    #expect(wakeups(of: mailbox) == 1)
  }

  @Test func `A post does not wake a loop that polls, and does once it stops polling`() throws {
    let mailbox = try Mailbox()
    mailbox.beginPolling()
    #expect(!mailbox.hasMail)
    #expect(!mailbox.post { _ in })
    #expect(mailbox.hasMail)
    #expect(!mailbox.endPolling())
    #expect(wakeups(of: mailbox) == 0)
    let other = try Mailbox()
    other.beginPolling()
    #expect(other.endPolling())
    #expect(!other.post { _ in })
    #expect(wakeups(of: other) == 1)
  }

  @Test func `A post tells whether the loop spins for it`() throws {
    let mailbox = try Mailbox()
    mailbox.beginPolling()
    mailbox.beginSpinning()
    #expect(mailbox.post { _ in })
    mailbox.endSpinning()
    #expect(mailbox.hasMail)
    #expect(!mailbox.post { _ in })
    let other = try Mailbox()
    other.beginPolling()
    other.beginSpinning()
    other.endSpinning()
    #expect(!other.post { _ in })
    #expect(wakeups(of: other) == 0)
  }

  @Test func `A loop that begins to poll finds earlier mail`() throws {
    let mailbox = try Mailbox()
    mailbox.post { _ in }
    mailbox.beginPolling()
    #expect(mailbox.hasMail)
    #expect(!mailbox.endPolling())
  }

  /// How often the loop has been woken so far.
  private func wakeups(of mailbox: Mailbox) -> UInt64 {
    var count: UInt64 = 0
    return read(mailbox.descriptor, &count, 8) == 8 ? count : 0
  }
}
