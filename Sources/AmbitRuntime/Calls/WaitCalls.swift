internal import AmbitCore
internal import AmbitSystem
internal import CAmbit

/// The calls that wait for time or for a turn.
enum WaitCalls {
  static func install(in api: inout ambit_api) {
    api.sleep = { handle, duration in
      CallSite.job(handle, duration) { scope, job, duration in
        guard duration >= 0 else { return .invalid }
        let status = job.suspend(for: .sleep, in: scope, timeout: duration)
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
    api.block = { handle, function, argument in
      guard let handle, let function else { return Status.invalid.rawValue }
      // On a thread of the pool it blocks nobody, except in a hook, which is to be short.
      if LoopPointer.ofThisThread == nil, let job = CallSite.job, !job.pointee.isHook { return function(argument) }
      var code: Int32 = 0
      let status = CallSite.job(handle) { scope, job in
        if job.isCancelled(in: scope) { return .cancelled }
        code = job.block(function, argument, in: scope)
        return .ok
      }
      return status == Status.ok.rawValue ? code : status
    }
    api.now = { _ in Clock.monotonic }
  }
}
