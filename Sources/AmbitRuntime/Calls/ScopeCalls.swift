internal import AmbitCore
internal import CAmbit

/// The section "Scope and jobs" of `ambit.h`, second part: child scopes, deadlines, shields, hooks, and the memory and
/// values of a scope.
enum ScopeCalls {
  static func install(in api: inout ambit_api) {
    installChildren(&api)
    installDeadlines(&api)
    installHooks(&api)
    installMemory(&api)
    installValues(&api)
  }

  private static func installChildren(_ api: inout ambit_api) {
    api.open = { handle, options, opened in
      opened?.pointee = nil
      return HostCall.onLoop(handle, "ambit_open") { scope in
        guard let opened else { return .invalid(because: "child: expected an address, found NULL") }
        guard let options = ScopeOptions(options) else {
          return .invalid(because: "options.flags: found a flag that this host does not know")
        }
        let (status, child) = scope.openChild(options)
        opened.pointee = child?.asHandle
        return status
      }
    }
    api.close = { handle in
      HostCall.asJob(handle, "ambit_close") { scope, job in scope.closeChild(as: job) }
    }
  }

  private static func installDeadlines(_ api: inout ambit_api) {
    api.deadline = { handle in
      var deadline = Int64.max
      _ = HostCall.onLoop(handle) { scope in
        deadline = scope.effectiveDeadline
        return .ok
      }
      return deadline
    }
    api.set_timeout = { handle, timeout in
      HostCall.urgent(handle) { $0.setTimeoutWithShards(timeout) }
    }
    api.shield = { handle, isOn in
      HostCall.asJob(handle, "ambit_shield") { _, job in
        if isOn { return job.shield() }
        job.unshield()
        return .ok
      }
    }
  }

  /// The calls that tell blocking code about a cancel.
  private static func installHooks(_ api: inout ambit_api) {
    api.on_cancel = { handle, function, argument in
      HostCall.onLoop(handle, "ambit_on_cancel") { scope in
        guard let function else { return .invalid(because: "fn: expected a function, found NULL") }
        return scope.onCancel(function, argument)
      }
    }
    api.cancel_fd = { handle in
      var descriptor: Int32 = -1
      let status = HostCall.onLoop(handle) { scope in
        descriptor = scope.cancelDescriptor
        return .ok
      }
      return status == Status.ok.rawValue ? descriptor : status
    }
  }

  private static func installMemory(_ api: inout ambit_api) {
    api.alloc = { handle, size in
      var memory: UnsafeMutableRawPointer?
      _ = HostCall.onLoop(handle, "ambit_alloc") { scope in
        guard scope.pointee.state != .closed else { return .closed }
        let (status, piece) = scope.allocateWithinLimit(Int(clamping: size))
        memory = piece
        return status
      }
      return memory
    }
    api.cstr = { handle, text in
      guard let source = text.ptr, text.len >= 0 else { return nil }
      var copy: UnsafePointer<CChar>?
      _ = HostCall.onLoop(handle, "ambit_cstr") { scope in
        let (status, bytes) = scope.copyWithinLimit(UnsafeRawBufferPointer(start: source, count: text.len))
        copy = UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self)
        return status
      }
      return copy
    }
    api.defer = { handle, function, argument in
      HostCall.onLoop(handle, "ambit_defer") { scope in
        guard let function else { return .invalid(because: "fn: expected a function, found NULL") }
        return scope.deferCall(function, argument)
      }
    }
  }

  private static func installValues(_ api: inout ambit_api) {
    api.set = { handle, key, value in
      HostCall.onLoop(handle, "ambit_set") { scope in
        guard let key else { return .invalid(because: "key: expected an address, found NULL") }
        return scope.setValue(value, for: key)
      }
    }
    api.get = { handle, key in
      guard let key else { return nil }
      var value: UnsafeMutableRawPointer?
      _ = HostCall.onLoop(handle) { scope in
        value = scope.value(for: key)
        return .ok
      }
      return value
    }
  }
}

extension ScopeOptions {
  /// Reads as much of the plugin's structure as its `size` says; nil if it sets flags that this host does not know.
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
