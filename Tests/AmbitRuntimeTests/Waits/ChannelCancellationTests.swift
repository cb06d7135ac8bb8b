import AmbitCore
import CAmbit
import Testing

@testable import AmbitRuntime

@Suite struct CancellingAWaitForAChannel {
  @Test func `A cancel after the message was handed over does not stop its delivery, and the next wait fails`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let channel = ambit_channel_new(scope.asHandle, 1)!
      let receiver = scope.spawn("receiver") { scope in
        stage.note("\(scope.receive(from: channel)), then \(scope.receive(from: channel))")
        return .ok
      }
      scope.spawn("sender") { scope in
        let status = scope.send(7, through: channel)
        scope.cancel(receiver)
        return status
      }
      stage.afterTurns(3) { stage.end(scope) }
    }
    #expect(
      steps == [
        "sender ends completed OK", "(status: OK, number: 7), then (status: CANCELLED, number: 0)",
        "receiver ends completed OK",
      ])
  }

  @Test func `A cancel before the message comes leaves it to the next receiver`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let channel = ambit_channel_new(scope.asHandle, 0)!
      let receiver = scope.spawn("receiver") { $0.receive(from: channel).status }
      scope.spawn("next") { scope in
        stage.note("\(scope.receive(from: channel))")
        return .ok
      }
      scope.spawn("sender") { scope in
        scope.cancel(receiver)
        return scope.send(7, through: channel, timeout: 0)
      }
      stage.afterTurns(3) { stage.end(scope) }
    }
    #expect(
      steps == [
        "sender ends completed OK", "receiver ends cancelled CANCELLED", "(status: OK, number: 7)",
        "next ends completed OK",
      ])
  }

  @Test func `A cancelled sender takes back its own message only`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let channel = ambit_channel_new(scope.asHandle, 0)!
      let senders = (1...3).map { number in scope.spawn("sender \(number)") { $0.send(number, through: channel) } }
      scope.spawn("receiver") { scope in
        scope.cancel(senders[1])
        stage.note("\((1...3).map { _ in scope.receive(from: channel, timeout: 0).number })")
        return .ok
      }
      stage.afterTurns(3) { stage.end(scope) }
    }
    #expect(
      steps == [
        "[1, 3, 0]", "receiver ends completed OK", "sender 2 ends cancelled CANCELLED", "sender 1 ends completed OK",
        "sender 3 ends completed OK",
      ])
  }

  @Test func `Calls after the cancel fail although there is a message, or room`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let channel = ambit_channel_new(scope.asHandle, 2)!
      scope.spawn("job") { scope in
        let sent = scope.send(1, through: channel)
        scope.cancel()
        stage.note("\(sent), then \(scope.send(2, through: channel)) \(scope.receive(from: channel, timeout: 0))")
        return .ok
      }
    }
    #expect(steps == ["OK, then CANCELLED (status: CANCELLED, number: 0)", "job ends completed OK"])
  }
}
