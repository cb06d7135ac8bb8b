internal import AmbitCore
internal import CAmbit

/// The calls about events.
enum EventCalls {
  static func install(in api: inout ambit_api) {
    api.event_new = { handle in
      var event: EventPointer?
      _ = CallSite.loop(handle) { scope in
        event = scope.makeEvent()
        return .ok
      }
      return event?.asHandle
    }
    api.event_set = { handle in
      CallSite.event(handle) { $0.set() }
    }
    api.event_reset = { handle in
      CallSite.event(handle) { $0.reset() }
    }
    api.event_wait = { handle, event, timeout in
      guard let event else { return Status.invalid.rawValue }
      return CallSite.job(handle) { scope, job in job.wait(for: .of(event), in: scope, timeout: timeout) }
    }
  }
}

extension CallSite {
  /// Runs `body` on a call that names no scope but an event, on the loop of the scope that made it: also in hooks.
  fileprivate static func event(_ handle: UnsafeMutablePointer<ambit_event>?, _ body: (EventPointer) -> Void) -> Int32 {
    guard let handle else { return Status.invalid.rawValue }
    let event = EventPointer.of(handle)
    return loop(event.pointee.scope.asHandle) { _ in
      body(event)
      return .ok
    }
  }
}
