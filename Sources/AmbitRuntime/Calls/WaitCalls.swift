internal import AmbitCore
internal import AmbitSystem
internal import CAmbit

/// The section "Waits" of `ambit.h`: time, turns, tickers, descriptors, events and channels.
enum WaitCalls {
  static func install(in api: inout ambit_api) {
    installTime(&api)
    installTickers(&api)
    installDescriptors(&api)
    installEvents(&api)
    installChannels(&api)
  }

  private static func installTime(_ api: inout ambit_api) {
    api.sleep = { handle, duration in
      HostCall.asJob(handle, "ambit_sleep", duration) { scope, job, duration in
        guard duration >= 0 else { return WaitCalls.refusal(of: duration) }
        let status = job.suspend(for: .sleep, in: scope, timeout: duration)
        return status == .timedOut ? .ok : status
      }
    }
    api.yield = { handle in
      HostCall.asJob(handle, "ambit_yield") { scope, job in
        if job.isCancelled(in: scope) { return .cancelled }
        job.yieldTurn()
        return .ok
      }
    }
    api.block = { handle, function, argument in
      guard let function else {
        return HostCall.asJob(handle, "ambit_block") { _, _ in
          .invalid(because: "fn: expected a function, found NULL")
        }
      }
      // A pool thread may block; a hook may not, since hooks must be short.
      if LoopPointer.ofThisThread == nil, let job = JobPointer.ofThisThread, !job.pointee.isHook {
        return function(argument)
      }
      var code: Int32 = 0
      let status = HostCall.asJob(handle, "ambit_block") { scope, job in
        if job.isCancelled(in: scope) { return .cancelled }
        do throws(PoolError) { code = try job.block(function, argument, in: scope) } catch {
          return .limit.noting("\(error)")
        }
        return .ok
      }
      return status == Status.ok.rawValue ? code : status
    }
    api.now = { _ in Clock.monotonic }
  }

  /// The status of a sleep of a negative duration. Out of line, so that the call of a sleep stays small.
  @inline(never)
  private static func refusal(of duration: Int64) -> Status {
    .invalid(because: "duration \(duration), expected 0 or more")
  }

  private static func installTickers(_ api: inout ambit_api) {
    api.every = { handle, interval, tick, argument, options, handleOfJob in
      HostCall.onLoop(handle, "ambit_every") { scope in
        var options = JobOptions(options, for: scope)
        options.interval = interval
        if interval <= 0 { options.error = .invalid(because: "interval \(interval), expected above 0") }
        let (status, job) = scope.spawn(tick, argument: argument, options: options, isHeld: handleOfJob != nil)
        handleOfJob?.pointee = OpaquePointer(job)
        return status
      }
    }
  }

  private static func installDescriptors(_ api: inout ambit_api) {
    api.wait_fd = { handle, descriptor, events, timeout, ready in
      ready?.pointee = 0
      let interest = Readiness(rawValue: events)
      let known: Readiness = [.readable, .writable, .hangup]
      return HostCall.asJob(handle, "ambit_wait_fd") { scope, job in
        guard descriptor >= 0, !interest.isEmpty, interest.isSubset(of: known) else {
          return .invalid(because: "fd \(descriptor), events \(events), expected an open descriptor and its events")
        }
        let (status, found) = job.wait(for: descriptor, interest, in: scope, timeout: timeout)
        ready?.pointee = found.rawValue
        return status
      }
    }
  }

  private static func installEvents(_ api: inout ambit_api) {
    api.event_new = { handle in
      var event: EventPointer?
      _ = HostCall.onLoop(handle, "ambit_event_new") { scope in
        let (status, made) = scope.makeEvent()
        event = made
        return status
      }
      return event?.asHandle
    }
    api.event_set = { handle in
      HostCall.onLoop(ofEvent: handle, "ambit_event_set") { $0.set() }
    }
    api.event_reset = { handle in
      HostCall.onLoop(ofEvent: handle, "ambit_event_reset") { $0.reset() }
    }
    api.draining = { handle in
      var event: EventPointer?
      _ = HostCall.onLoop(handle) { scope in
        event = scope.drainingEvent
        return .ok
      }
      return event?.asHandle
    }
    api.event_wait = { handle, event, timeout in
      HostCall.asJob(handle, "ambit_event_wait") { scope, job in
        guard let event else { return .invalid(because: "event: expected an event, found NULL") }
        return job.wait(for: .of(event), in: scope, timeout: timeout)
      }
    }
  }

  private static func installChannels(_ api: inout ambit_api) {
    api.channel_new = { handle, capacity in
      var channel: ChannelPointer?
      _ = HostCall.onLoop(handle, "ambit_channel_new") { scope in
        let (status, made) = scope.makeChannel(capacity: capacity)
        channel = made
        return status
      }
      return channel?.asHandle
    }
    api.send = { handle, channel, message, timeout in
      HostCall.asJob(handle, "ambit_send") { scope, job in
        guard let channel else { return .invalid(because: "channel: expected a channel, found NULL") }
        return job.send(message, through: .of(channel), in: scope, timeout: timeout)
      }
    }
    api.receive = { handle, channel, message, timeout in
      message?.pointee = nil
      return HostCall.asJob(handle, "ambit_receive") { scope, job in
        guard let channel, let message else {
          return .invalid(because: "expected a channel and an address for its message, found NULL")
        }
        let status = job.receive(from: .of(channel), in: scope, timeout: timeout)
        if status == .ok { message.pointee = job.stackState.pointee.message }
        return status
      }
    }
    api.channel_close = { handle in
      guard let handle else { return Status.invalid.rawValue }
      let channel = ChannelPointer.of(handle)
      // The call names no scope, so the scope that made the channel tells the loop.
      return HostCall.onLoop(channel.pointee.scope.asHandle) { _ in
        channel.close()
        return .ok
      }
    }
  }
}

extension HostCall {
  /// Runs `body` for `call`, which names an event of a plugin instead of a scope, on the loop of the scope that made
  /// the event; works in hooks, too.
  fileprivate static func onLoop(
    ofEvent handle: UnsafeMutablePointer<ambit_event>?, _ call: CallName, _ body: (EventPointer) -> Void
  ) -> Int32 {
    guard let handle else { return Status.invalid.rawValue }
    let event = EventPointer.of(handle)
    return onLoop(event.pointee.scope.asHandle, call) { _ in
      guard !event.pointee.isOfHost else { return .invalid(because: "the event of ambit_draining is the host's") }
      body(event)
      return .ok
    }
  }
}
