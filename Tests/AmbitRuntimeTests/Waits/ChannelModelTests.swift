import AmbitCore
import CAmbit
import TestSupport
import Testing

@testable import AmbitRuntime

/// What jobs sent and received: the messages that the calls said had changed hands.
private final class Ledger {
  var sent: [Int] = []
  /// The messages of each receiver, in order.
  var received: [[Int]] = []

  /// What is wrong with it, once all that was left in the channel has been received; empty if nothing is.
  var faults: [String] {
    let all = received.flatMap { $0 }
    var faults: [String] = []
    if Set(all).count != all.count { faults.append("some were delivered twice") }
    let lost = Set(sent).subtracting(all).sorted()
    if !lost.isEmpty { faults.append("lost: \(lost)") }
    let unsent = Set(all).subtracting(sent).sorted()
    if !unsent.isEmpty { faults.append("received, but not sent: \(unsent)") }
    for messages in received {
      for sender in Set(messages.map { $0 / 1000 }) {
        let numbers = messages.filter { $0 / 1000 == sender }
        if numbers != numbers.sorted() { faults.append("out of order: \(numbers)") }
      }
    }
    return faults
  }
}

@Suite struct ChannelModel {
  @Test(arguments: [0, 1, 2, 7], 0..<8 as Range<UInt64>)
  func `A channel loses, doubles and reorders no message while jobs time out and are cancelled`(
    capacity: Int, seed: UInt64
  ) throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let channel = ambit_channel_new(scope.asHandle, capacity)!
      let ledger = Ledger()
      var random = SeededGenerator(seed: seed)
      var jobs: [OpaquePointer?] = []
      for number in 1...random.number(1...6) { jobs.append(spawnSender(number, scope, channel, ledger, &random)) }
      for _ in 1...random.number(1...6) { jobs.append(spawnReceiver(scope, channel, ledger, &random)) }
      scope.asHandle.spawn(ended: { _, _ in }) { scope in
        for _ in 0..<200 {
          _ = scope.yield()
          if random.number(0...40) == 0 { scope.cancel(jobs.randomElement(using: &random)!) }
        }
        channel.close()
        _ = scope.joinAll()
        var left: [Int] = []
        while case (.ok, let number) = scope.receive(from: channel) { left.append(number) }
        ledger.received.append(left)
        for fault in ledger.faults { stage.note(fault) }
        stage.note(ledger.sent.isEmpty ? "nothing sent" : "done")
        scope.cancel()
        return .ok
      }
    }
    #expect(steps == ["done"])
  }

  private func spawnSender(
    _ sender: Int, _ scope: ScopePointer, _ channel: ChannelHandle, _ ledger: Ledger, _ random: inout SeededGenerator
  ) -> OpaquePointer? {
    var random = SeededGenerator(seed: random.next())
    return scope.asHandle.spawn(ended: { _, _ in }) { scope in
      for message in sender * 1000..<sender * 1000 + 100 {
        switch scope.send(message, through: channel, timeout: timeout(&random)) {
        case .ok: ledger.sent.append(message)
        case .timedOut: continue
        default: return .ok
        }
        if random.number(0...3) == 0 { _ = scope.yield() }
      }
      return .ok
    }.job
  }

  private func spawnReceiver(
    _ scope: ScopePointer, _ channel: ChannelHandle, _ ledger: Ledger, _ random: inout SeededGenerator
  ) -> OpaquePointer? {
    var random = SeededGenerator(seed: random.next())
    let index = ledger.received.count
    ledger.received.append([])
    return scope.asHandle.spawn(ended: { _, _ in }) { scope in
      while true {
        switch scope.receive(from: channel, timeout: timeout(&random)) {
        case (.ok, let message): ledger.received[index].append(message)
        case (.timedOut, _): _ = scope.yield()
        default: return .ok
        }
        if random.number(0...3) == 0 { _ = scope.yield() }
      }
    }.job
  }
}

/// None, a poll, or one that passes within a few turns.
private func timeout(_ random: inout SeededGenerator) -> Int64 {
  [-1, -1, 0, 1, 100_000][random.number(0...4)]
}
