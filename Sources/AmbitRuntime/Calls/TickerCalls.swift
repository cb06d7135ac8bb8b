internal import AmbitCore
internal import CAmbit

/// The call that starts a ticker.
enum TickerCalls {
  static func install(in api: inout ambit_api) {
    api.every = { handle, interval, tick, argument, options, handleOfJob in
      CallSite.loop(handle) { scope in
        var options = JobOptions(options, for: scope)
        options.interval = interval
        if interval <= 0 { options.error = .invalid }
        let (status, job) = scope.spawn(tick, argument: argument, options: options, isHeld: handleOfJob != nil)
        handleOfJob?.pointee = OpaquePointer(job)
        return status
      }
    }
  }
}
