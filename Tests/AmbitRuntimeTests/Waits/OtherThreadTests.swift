import AmbitCore
import CAmbit
import Testing

@testable import AmbitRuntime

/// An event and a channel, with the scope that made them.
private struct Made: @unchecked Sendable {
  let scope: ScopeHandle
  let event: EventHandle
  let channel: ChannelHandle

  /// What the calls that name them return on this thread.
  var statuses: [Status] {
    [
      event.set(), event.reset(), channel.close(), scope.wait(for: event), scope.send(1, through: channel),
      scope.receive(from: channel).status,
    ]
  }
}

@Suite struct EventsAndChannelsOnOtherThreads {
  @Test func `A thread that does not belong to the loop cannot use its events and channels`() throws {
    let group = try LoopGroup(count: 1, table: HostTable { _ in }, limits: RuntimeLimits())
    defer { group.stop() }
    let made = group.onEach { loop in
      let scope = loop.pointee.root.asHandle
      return Made(scope: scope, event: ambit_event_new(scope)!, channel: ambit_channel_new(scope, 1)!)
    }[0]
    #expect(made.statuses == Array(repeating: .wrongThread, count: 6))
    #expect(ambit_event_new(made.scope) == nil)
    #expect(ambit_channel_new(made.scope, 1) == nil)
    #expect(group.onEach { _ in EventPointer.of(made.event).pointee.isSet } == [false])
    #expect(group.onEach { _ in ChannelPointer.of(made.channel).pointee.isClosed } == [false])
  }

  @Test func `A job on a pool thread can use events and channels`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let handle = scope.asHandle
      let made = Made(scope: handle, event: ambit_event_new(handle)!, channel: ambit_channel_new(handle, 0)!)
      let answer = ambit_channel_new(handle, 8)!
      handle.spawn(options: { $0.flags = UInt32(AMBIT_JOB_THREAD) }, ended: { _, _ in }) { scope in
        let waited = scope.wait(for: made.event)
        let received = scope.receive(from: made.channel)
        for status in [waited, received.status] { _ = scope.send(Int(status.rawValue) + 100, through: answer) }
        _ = scope.send(received.number, through: answer)
        return Status(rawValue: ambit_channel_close(answer))
      }
      scope.spawn("job") { scope in
        made.event.set()
        let sent = scope.send(42, through: made.channel)
        var numbers: [Int] = []
        while case (.ok, let number) = scope.receive(from: answer) { numbers.append(number) }
        stage.note("\(sent), \(numbers)")
        return .ok
      }
      scope.endAfterJobs()
    }
    #expect(steps == ["OK, [100, 100, 42]", "job ends completed OK"])
  }
}
