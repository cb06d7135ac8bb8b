internal import AmbitCore
internal import AmbitSystem
internal import CAmbit

/// The section "Scope and jobs" of `ambit.h`, first part: the calls that start jobs, join them and cancel, and
/// references to scopes.
enum JobCalls {
  static func install(in api: inout ambit_api) {
    installSpawning(&api)
    installFunctionCalls(&api)
    installJoining(&api)
    installCancellation(&api)
    installReferences(&api)
  }

  private static func installSpawning(_ api: inout ambit_api) {
    api.spawn = { handle, function, argument, options, handleOfJob in
      HostCall.onLoop(handle, "ambit_spawn") { scope in
        let options = JobOptions(options, for: scope)
        let (status, job) = scope.spawn(function, argument: argument, options: options, isHeld: handleOfJob != nil)
        handleOfJob?.pointee = OpaquePointer(job)
        return status
      }
    }
  }

  /// The calls for C functions of any signature.
  private static func installFunctionCalls(_ api: inout ambit_api) {
    api.spawn_call = { handle, function, signature, arguments, count, options, handleOfJob in
      HostCall.onLoop(handle, "ambit_spawn_call") { scope in
        let options = JobOptions(options, for: scope)
        let arguments = UnsafeBufferPointer(start: arguments, count: arguments == nil ? 0 : count)
        let (status, job) = scope.spawnCall(
          function, signature: signature, arguments: arguments, options: options, isHeld: handleOfJob != nil)
        handleOfJob?.pointee = OpaquePointer(job)
        return status
      }
    }
    api.bind = { handle, signature, target, context, bound in
      bound?.pointee = nil
      return HostCall.onLoop(handle, "ambit_bind") { scope in
        guard let bound else { return .invalid(because: "out: expected an address, found NULL") }
        let (status, function) = scope.bind(signature: signature, to: target, context)
        bound.pointee = function
        return status
      }
    }
  }

  private static func installJoining(_ api: inout ambit_api) {
    api.join = { handle, other, timeout, outcome, code in
      HostCall.asJob(handle, "ambit_join") { scope, job in
        guard let other else { return .invalid(because: "job: expected a job, found NULL") }
        let joined = JobPointer(other)
        return job.join(joined, in: scope, timeout: timeout) {
          outcome?.pointee = ambit_outcome(joined.pointee.outcome.rawValue)
          code?.pointee = joined.pointee.code
        }
      }
    }
    api.join_all = { handle, timeout in
      HostCall.asJob(handle, "ambit_join_all") { scope, job in job.joinAll(in: scope, timeout: timeout) }
    }
  }

  private static func installCancellation(_ api: inout ambit_api) {
    api.cancel = { handle in
      _ = HostCall.urgent(handle) { scope in
        scope.cancelWithShards()
        return .ok
      }
    }
    api.cancel_job = { handle, other in
      guard let other else { return }
      let job = Unchecked(JobPointer(other))
      _ = HostCall.urgent(handle) { _ in
        job.value.cancel(.called)
        return .ok
      }
    }
    api.cancelled = { handle in
      handle.map { ambit_cause(ScopePointer.of($0).causeForCaller().rawValue) } ?? 0
    }
  }

  /// The calls on references, most of which work on any thread.
  private static func installReferences(_ api: inout ambit_api) {
    api.ref_of = { handle in
      var id: UInt64 = 0
      _ = HostCall.onLoop(handle) { scope in
        id = scope.reference()
        return .ok
      }
      return ambit_ref(api: handle?.pointee.api, id: id)
    }
    api.ref_cancelled = { ref in
      ambit_cause((ForkedChild.isCurrent ? .done : References.causeForCaller(ref.id)).rawValue)
    }
    api.post = { ref, function, argument in
      guard let function else {
        let status = Status.invalid(because: "fn: expected a function, found NULL")
        HostCall.failed("ambit_post", status)
        return status.rawValue
      }
      guard !ForkedChild.isCurrent else { return Status.wrongThread.rawValue }
      return References.post(function, argument: argument, to: ref.id).rawValue
    }
  }
}

extension JobOptions {
  /// Reads as much of the plugin's structure as its `size` says.
  init(_ pointer: UnsafePointer<ambit_job_options>?, for scope: ScopePointer) {
    self.init()
    guard let pointer else { return }
    var options = ambit_job_options()
    OptionsStructure.read(pointer, size: pointer.pointee.size, into: &options)
    usesThread = options.flags & AMBIT_JOB_THREAD != 0
    if options.flags & ~AMBIT_JOB_THREAD != 0 {
      readRareFlags(of: options, in: scope)
    } else {
      askForStack(of: Int(options.stack_size), in: scope)
    }
    timeout = options.timeout
    onEnd = options.on_end
    if let text = options.name { name = CString.bytes(text).assumingMemoryBound(to: UInt8.self) }
  }

  /// Reads the flags that few jobs have, and then the stack size.
  @inline(never)
  private mutating func readRareFlags(of options: ambit_job_options, in scope: ScopePointer) {
    guard options.flags & ~(AMBIT_JOB_THREAD | AMBIT_JOB_ONCE) == 0 else {
      error = .invalid(because: "options.flags: found a flag that this host does not know")
      return
    }
    guard scope.pointee.kind == .plugin else {
      error = .invalid(because: "options.flags: AMBIT_JOB_ONCE is for jobs in the plugin's scope (ambit_plugin_scope)")
      return
    }
    traits.insert(.isOnce)
    askForStack(of: Int(options.stack_size), in: scope)
  }

  /// Notes the stack size if the usual stack is too small. The stack of a thread has one size for all.
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
