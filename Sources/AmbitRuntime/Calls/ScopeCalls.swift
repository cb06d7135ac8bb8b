internal import AmbitCore
internal import CAmbit

/// The calls about child scopes, deadlines and shields.
enum ScopeCalls {
  static func install(in api: inout ambit_api) {
    api.open = { handle, options, opened in
      guard let opened else { return Status.invalid.rawValue }
      opened.pointee = nil
      return CallSite.loop(handle) { scope in
        guard let options = ScopeOptions(options) else { return .invalid }
        let (status, child) = scope.openChild(options)
        opened.pointee = child?.asHandle
        return status
      }
    }
    api.close = { handle in
      CallSite.job(handle) { scope, job in scope.closeChild(as: job) }
    }
    api.deadline = { handle in
      var deadline = Int64.max
      _ = CallSite.loop(handle) { scope in
        deadline = scope.effectiveDeadline
        return .ok
      }
      return deadline
    }
    api.set_timeout = { handle, timeout in
      CallSite.ending(handle) { $0.setTimeoutWithShards(timeout) }
    }
    api.shield = { handle, isOn in
      CallSite.job(handle) { _, job in
        if isOn { return job.shield() }
        job.unshield()
        return .ok
      }
    }
  }
}

extension ScopeOptions {
  /// Reads as many bytes of the plugin's structure as it says it has; nil if it asks for what this host does not know.
  fileprivate init?(_ pointer: UnsafePointer<ambit_scope_options>?) {
    self.init()
    guard let pointer else { return }
    var options = ambit_scope_options()
    OptionsStructure.read(pointer, size: pointer.pointee.size, into: &options)
    guard options.flags & ~AMBIT_FAIL_FAST == 0 else { return nil }
    name = options.name
    timeout = options.timeout
    if options.max_jobs > 0 { maxJobs = options.max_jobs }
    isFailFast = options.flags & AMBIT_FAIL_FAST != 0
  }
}
