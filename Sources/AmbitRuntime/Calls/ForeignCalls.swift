internal import AmbitCore
internal import CAmbit

/// The calls that lead to C functions of any signature.
enum ForeignCalls {
  static func install(in api: inout ambit_api) {
    api.spawn_call = { handle, function, signature, arguments, count, options, handleOfJob in
      CallSite.loop(handle) { scope in
        let options = JobOptions(options, for: scope)
        let arguments = UnsafeBufferPointer(start: arguments, count: arguments == nil ? 0 : count)
        let (status, job) = scope.spawnCall(
          function, signature: signature, arguments: arguments, options: options, isHeld: handleOfJob != nil)
        handleOfJob?.pointee = OpaquePointer(job)
        return status
      }
    }
    api.bind = { handle, signature, target, context, bound in
      guard let bound else { return Status.invalid.rawValue }
      bound.pointee = nil
      return CallSite.loop(handle) { scope in
        let (status, function) = scope.bind(signature: signature, to: target, context)
        bound.pointee = function
        return status
      }
    }
  }
}
