internal import AmbitCore
internal import AmbitSystem
internal import CAmbit

/// The function table of checked mode. Its entries check the thread and the handles of a call before they make it.
///
/// One line per entry: the check, then the call, or the result that `ambit.h` names for failure. Calls [any thread]
/// need no check, since references are always safe.
enum CheckedCalls {
  /// Puts checks in front of the entries of `api`, whose calls lie in the table behind it.
  static func install(in api: inout ambit_api) {
    installJobs(in: &api)
    installScopes(in: &api)
    installMemory(in: &api)
    installWaits(in: &api)
    installSharedWaits(in: &api)
    installPlugin(in: &api)
  }

  private static func installJobs(in api: inout ambit_api) {
    api.spawn = { $0.violation("ambit_spawn", options: $3) ?? $0.calls.pointee.spawn($0, $1, $2, $3, $4) }
    api.spawn_call = {
      $0.violation("ambit_spawn_call", options: $5) ?? $0.calls.pointee.spawn_call($0, $1, $2, $3, $4, $5, $6)
    }
    api.every = { $0.violation("ambit_every", options: $4) ?? $0.calls.pointee.every($0, $1, $2, $3, $4, $5) }
    api.join = { $0.violation("ambit_join", job: $1, waits: true) ?? $0.calls.pointee.join($0, $1, $2, $3, $4) }
    api.join_all = { $0.waitViolation("ambit_join_all") ?? $0.calls.pointee.join_all($0, $1) }
    api.cancel_job = { scope, job in
      if scope.violation("ambit_cancel_job", job: job, waits: false) == nil {
        scope.calls.pointee.cancel_job(scope, job)
      }
    }
    api.shield = { $0.waitViolation("ambit_shield") ?? $0.calls.pointee.shield($0, $1) }
  }

  private static func installScopes(in api: inout ambit_api) {
    api.cancel = { if $0.permits("ambit_cancel") { $0.calls.pointee.cancel($0) } }
    api.cancelled = { $0.permits("ambit_cancelled") ? $0.calls.pointee.cancelled($0) : AMBIT_CAUSE_DONE }
    api.open = { $0.violation("ambit_open") ?? $0.calls.pointee.open($0, $1, $2) }
    api.close = { scope in
      scope.waitViolation("ambit_close")
        ?? scope.expecting(
          "a scope from ambit_open is closed once, by a job outside of it", "ambit_close",
          scope.calls.pointee.close(scope))
    }
    api.deadline = { $0.permits("ambit_deadline") ? $0.calls.pointee.deadline($0) : .max }
    api.set_timeout = { $0.violation("ambit_set_timeout") ?? $0.calls.pointee.set_timeout($0, $1) }
    api.on_cancel = { $0.violation("ambit_on_cancel") ?? $0.calls.pointee.on_cancel($0, $1, $2) }
    api.cancel_fd = { $0.violation("ambit_cancel_fd") ?? $0.calls.pointee.cancel_fd($0) }
    api.parent = { $0.permits("ambit_parent") ? $0.calls.pointee.parent($0) : nil }
    api.plugin_scope = { $0.permits("ambit_plugin_scope") ? $0.calls.pointee.plugin_scope($0) : nil }
  }

  private static func installMemory(in api: inout ambit_api) {
    api.defer = { $0.violation("ambit_defer") ?? $0.calls.pointee.defer($0, $1, $2) }
    api.alloc = { $0.permits("ambit_alloc") ? $0.calls.pointee.alloc($0, $1) : nil }
    api.cstr = { $0.permits("ambit_cstr") ? $0.calls.pointee.cstr($0, $1) : nil }
    api.set = { $0.violation("ambit_set") ?? $0.calls.pointee.set($0, $1, $2) }
    api.get = { $0.permits("ambit_get") ? $0.calls.pointee.get($0, $1) : nil }
    api.ref_of = { scope in
      scope.permits("ambit_ref_of") ? scope.calls.pointee.ref_of(scope) : ambit_ref(api: scope?.pointee.api, id: 0)
    }
    api.bind = { $0.violation("ambit_bind") ?? $0.calls.pointee.bind($0, $1, $2, $3, $4) }
  }

  private static func installWaits(in api: inout ambit_api) {
    api.sleep = { $0.waitViolation("ambit_sleep") ?? $0.calls.pointee.sleep($0, $1) }
    api.yield = { $0.waitViolation("ambit_yield") ?? $0.calls.pointee.yield($0) }
    api.wait_fd = { $0.waitViolation("ambit_wait_fd") ?? $0.calls.pointee.wait_fd($0, $1, $2, $3, $4) }
    api.block = { $0.waitViolation("ambit_block") ?? $0.calls.pointee.block($0, $1, $2) }
    api.now = { $0.permits("ambit_now") ? $0.calls.pointee.now($0) : Clock.monotonic }
  }

  private static func installSharedWaits(in api: inout ambit_api) {
    api.event_new = { $0.permits("ambit_event_new") ? $0.calls.pointee.event_new($0) : nil }
    api.event_set = { event in
      CheckedCalls.owner(of: event).violation("ambit_event_set", changing: event)
        ?? (event!.pointee.api + 1).pointee.event_set(event)
    }
    api.event_reset = { event in
      CheckedCalls.owner(of: event).violation("ambit_event_reset", changing: event)
        ?? (event!.pointee.api + 1).pointee.event_reset(event)
    }
    api.draining = { $0.permits("ambit_draining") ? $0.calls.pointee.draining($0) : nil }
    api.event_wait = { scope, event, timeout in
      scope.waitViolation("ambit_event_wait", owner: CheckedCalls.owner(of: event).map { .of($0) })
        ?? scope.calls.pointee.event_wait(scope, event, timeout)
    }
    api.channel_new = { $0.permits("ambit_channel_new") ? $0.calls.pointee.channel_new($0, $1) : nil }
    api.send = { scope, channel, message, timeout in
      scope.waitViolation("ambit_send", owner: CheckedCalls.owner(of: channel).map { .of($0) })
        ?? scope.calls.pointee.send(scope, channel, message, timeout)
    }
    api.receive = { scope, channel, message, timeout in
      scope.waitViolation("ambit_receive", owner: CheckedCalls.owner(of: channel).map { .of($0) })
        ?? scope.calls.pointee.receive(scope, channel, message, timeout)
    }
    api.channel_close = { channel in
      CheckedCalls.owner(of: channel).violation("ambit_channel_close")
        ?? (channel!.pointee.api + 1).pointee.channel_close(channel)
    }
  }

  private static func installPlugin(in api: inout ambit_api) {
    api.state = { $0.permits("ambit_state") ? $0.calls.pointee.state($0) : nil }
    api.set_state = { scope, state in
      scope.violation("ambit_set_state")
        ?? scope.expecting(
          "the state is set on the plugin's scope, by its start", "ambit_set_state",
          scope.calls.pointee.set_state(scope, state))
    }
    api.setting = { $0.permits("ambit_setting") ? $0.calls.pointee.setting($0, $1) : CheckedCalls.absent }
    api.hand_over = { $0.violation("ambit_hand_over") ?? $0.calls.pointee.hand_over($0, $1, $2, $3) }
    api.handed_over = { $0.permits("ambit_handed_over") ? $0.calls.pointee.handed_over($0, $1) : CheckedCalls.absent }
    api.fail = { $0.permits("ambit_fail") ? $0.calls.pointee.fail($0, $1, $2) : $1 }
    api.log = { if $0.permits("ambit_log") { $0.calls.pointee.log($0, $1, $2, $3) } }
    api.extension = { $0.permits("ambit_extension") ? $0.calls.pointee.extension($0, $1) : nil }
  }

  fileprivate static var absent: ambit_str { ambit_str(ptr: nil, len: 0) }

  /// The scope that made an event.
  fileprivate static func owner(of event: UnsafeMutablePointer<ambit_event>?) -> PassedScope {
    event.map { EventPointer.of($0).pointee.scope.asHandle }
  }

  /// The scope that made a channel.
  fileprivate static func owner(of channel: UnsafeMutablePointer<ambit_channel>?) -> PassedScope {
    channel.map { ChannelPointer.of($0).pointee.scope.asHandle }
  }
}
