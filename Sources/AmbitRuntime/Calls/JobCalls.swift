internal import AmbitCore
internal import AmbitSystem
internal import CAmbit

/// The calls about jobs and cancellation.
enum JobCalls {
  static func install(in api: inout ambit_api) {
    api.spawn = { handle, function, argument, options, handleOfJob in
      CallSite.loop(handle) { scope in
        let options = JobOptions(options, for: scope)
        let (status, job) = scope.spawn(function, argument: argument, options: options, isHeld: handleOfJob != nil)
        handleOfJob?.pointee = OpaquePointer(job)
        return status
      }
    }
    api.join = { handle, other, timeout, outcome, code in
      guard let other else { return Status.invalid.rawValue }
      let joined = JobPointer(other)
      return CallSite.job(handle) { scope, job in
        job.join(joined, in: scope, timeout: timeout) {
          outcome?.pointee = ambit_outcome(joined.pointee.outcome.rawValue)
          code?.pointee = joined.pointee.code
        }
      }
    }
    api.join_all = { handle, timeout in
      CallSite.job(handle) { scope, job in job.joinAll(in: scope, timeout: timeout) }
    }
    installCancellation(in: &api)
  }

  private static func installCancellation(in api: inout ambit_api) {
    api.cancel = { handle in
      _ = CallSite.ending(handle) { scope in
        scope.cancelWithShards()
        return .ok
      }
    }
    api.cancel_job = { handle, other in
      guard let other else { return }
      let job = Unchecked(JobPointer(other))
      _ = CallSite.ending(handle) { _ in
        job.value.cancel(.called)
        return .ok
      }
    }
    api.cancelled = { handle in
      handle.map { ambit_cause(ScopePointer.of($0).causeForCaller().rawValue) } ?? 0
    }
  }
}

extension JobOptions {
  /// Reads as many bytes of the plugin's structure as it says it has.
  init(_ pointer: UnsafePointer<ambit_job_options>?, for scope: ScopePointer) {
    self.init()
    guard let pointer else { return }
    var options = ambit_job_options()
    OptionsStructure.read(pointer, size: pointer.pointee.size, into: &options)
    usesThread = options.flags & AMBIT_JOB_THREAD != 0
    if options.flags & ~AMBIT_JOB_THREAD != 0 {
      error = .invalid
    } else {
      askForStack(of: Int(options.stack_size), in: scope)
    }
    timeout = options.timeout
    onEnd = options.on_end
    if let text = options.name { name = CString.bytes(text).assumingMemoryBound(to: UInt8.self) }
  }

  /// Keeps how large the stack is to be if the usual one is too small; a thread's is what it is.
  private mutating func askForStack(of size: Int, in scope: ScopePointer) {
    if usesThread || scope.runsOnThreads {
      if size > SystemThread.stackSize { error = .limit }
    } else if size > StackSize.largest {
      error = .limit
    } else if size > scope.pointee.loop.pointee.limits.stackSize {
      stackSize = size
    }
  }
}
