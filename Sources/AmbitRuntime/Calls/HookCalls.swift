internal import AmbitCore
internal import CAmbit

/// The calls that tell code which blocks elsewhere of a cancel.
enum HookCalls {
  static func install(in api: inout ambit_api) {
    api.on_cancel = { handle, function, argument in
      guard let function else { return Status.invalid.rawValue }
      return CallSite.loop(handle) { $0.onCancel(function, argument) }
    }
    api.cancel_fd = { handle in
      var descriptor: Int32 = -1
      let status = CallSite.loop(handle) { scope in
        descriptor = scope.cancelDescriptor
        return .ok
      }
      return status == Status.ok.rawValue ? descriptor : status
    }
  }
}
