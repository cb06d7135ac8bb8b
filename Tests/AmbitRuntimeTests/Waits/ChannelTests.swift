import AmbitCore
import CAmbit
import Testing

@testable import AmbitRuntime

@Suite struct Channels {
  /// Plays a scene with a scope and a channel of it; the scope is cancelled once all of its jobs have ended.
  private func play(capacity: Int, _ scene: @escaping @Sendable (Stage, ScopePointer, ChannelHandle) -> Void) throws
    -> [String]
  {
    try Stage.play { stage in
      let scope = stage.open("")
      scene(stage, scope, ambit_channel_new(scope.asHandle, capacity)!)
      scope.endAfterJobs()
    }
  }

  @Test func `A channel keeps as many messages as its capacity, in order`() throws {
    let steps = try play(capacity: 3) { stage, scope, channel in
      scope.asHandle.spawn(ended: { _, _ in }) { scope in
        for round in 0..<3 {
          let sent = (1...4).map { scope.send(round * 10 + $0, through: channel, timeout: 0) }
          let received = (1...4).map { _ in scope.receive(from: channel, timeout: 0).number }
          stage.note("\(sent) \(received)")
        }
        return .ok
      }
    }
    #expect(
      steps == [0, 10, 20].map { "[OK, OK, OK, TIMED_OUT] [\($0 + 1), \($0 + 2), \($0 + 3), 0]" })
  }

  @Test(arguments: [0, 1, 2])
  func `Senders wait for room in order of arrival`(capacity: Int) throws {
    let steps = try play(capacity: capacity) { stage, scope, channel in
      for sender in 1...5 {
        scope.asHandle.spawn(ended: { _, _ in }) { scope in
          let status = scope.send(sender, through: channel)
          stage.note("\(sender) sent \(status)")
          return .ok
        }
      }
      scope.asHandle.spawn(ended: { _, _ in }) { scope in
        stage.note("received \((1...5).map { _ in scope.receive(from: channel).number })")
        return .ok
      }
    }
    let sent = (1...5).map { "\($0) sent OK" }
    #expect(steps == Array(sent[..<capacity]) + ["received [1, 2, 3, 4, 5]"] + Array(sent[capacity...]))
  }

  @Test(arguments: [0, 1, 2])
  func `Receivers wait for messages in order of arrival`(capacity: Int) throws {
    let steps = try play(capacity: capacity) { stage, scope, channel in
      for name in ["a", "b", "c"] {
        scope.asHandle.spawn(ended: { _, _ in }) { scope in
          stage.note("\(name) \(scope.receive(from: channel).number)")
          return .ok
        }
      }
      scope.asHandle.spawn(ended: { _, _ in }) { scope in
        stage.note("\((1...3).map { scope.send($0, through: channel, timeout: 0) })")
        return .ok
      }
    }
    #expect(steps == ["[OK, OK, OK]", "a 1", "b 2", "c 3"])
  }

  @Test func `A channel of capacity 0 passes a message only to a waiting receiver`() throws {
    let steps = try play(capacity: 0) { stage, scope, channel in
      scope.asHandle.spawn(ended: { _, _ in }) { scope in
        stage.note("\(scope.send(1, through: channel, timeout: 0)) \(scope.receive(from: channel, timeout: 0))")
        stage.note("\(scope.send(2, through: channel, timeout: 1)) \(scope.receive(from: channel, timeout: 1))")
        return .ok
      }
    }
    let nothing = "TIMED_OUT (status: TIMED_OUT, number: 0)"
    #expect(steps == [nothing, nothing])
  }

  @Test func `A channel passes NULL like any message`() throws {
    let steps = try play(capacity: 1) { stage, scope, channel in
      scope.asHandle.spawn(ended: { _, _ in }) { scope in
        stage.note("\(scope.send(0, through: channel)) \(scope.receive(from: channel))")
        return .ok
      }
    }
    #expect(steps == ["OK (status: OK, number: 0)"])
  }

  @Test func `A closed channel refuses messages, also of waiting senders, and gives out what it holds`() throws {
    let steps = try play(capacity: 2) { stage, scope, channel in
      for number in 1...4 { scope.spawn("sender \(number)") { $0.send(number, through: channel) } }
      scope.asHandle.spawn(ended: { _, _ in }) { scope in
        stage.note("\(channel.close()) \(channel.close()), \(scope.send(5, through: channel))")
        stage.note("\((1...3).map { _ in scope.receive(from: channel) })")
        return .ok
      }
    }
    #expect(
      steps == [
        "sender 1 ends completed OK", "sender 2 ends completed OK", "OK OK, CLOSED",
        "[(status: OK, number: 1), (status: OK, number: 2), (status: CLOSED, number: 0)]",
        "sender 3 ends failed CLOSED", "sender 4 ends failed CLOSED",
      ])
  }

  @Test func `A close wakes jobs that wait for messages`() throws {
    let steps = try play(capacity: 2) { stage, scope, channel in
      for name in ["a", "b"] {
        scope.asHandle.spawn(ended: { _, _ in }) { scope in
          stage.note("\(name) \(scope.receive(from: channel))")
          return .ok
        }
      }
      scope.asHandle.spawn(ended: { _, _ in channel.close() }) { _ in .ok }
    }
    #expect(steps == ["a (status: CLOSED, number: 0)", "b (status: CLOSED, number: 0)"])
  }
}
