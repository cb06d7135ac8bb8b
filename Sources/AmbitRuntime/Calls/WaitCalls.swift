internal import AmbitCore
internal import CAmbit

/// The calls that wait for time or for a turn.
enum WaitCalls {
  static func install(in api: inout ambit_api) {
    api.sleep = { handle, duration in
      CallSite.job(handle) { scope, job in
        guard duration >= 0 else { return .invalid }
        let status = job.suspend(in: scope, timeout: duration)
        return status == .timedOut ? .ok : status
      }
    }
    api.yield = { handle in
      CallSite.job(handle) { scope, job in
        if job.isCancelled(in: scope) { return .cancelled }
        job.yieldTurn()
        return .ok
      }
    }
    api.now = { _ in Clock.monotonic }
  }
}
