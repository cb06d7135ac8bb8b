internal import AmbitCore
internal import CAmbit

/// The calls about memory and what is to be undone.
enum MemoryCalls {
  static func install(in api: inout ambit_api) {
    api.alloc = { handle, size in
      var memory: UnsafeMutableRawPointer?
      _ = CallSite.loop(handle) { scope in
        memory = scope.pointee.state == .closed ? nil : scope.allocate(Int(clamping: size))
        return .ok
      }
      return memory
    }
    api.cstr = { handle, text in
      guard let source = text.ptr, text.len >= 0 else { return nil }
      var copy: UnsafePointer<CChar>?
      _ = CallSite.loop(handle) { scope in
        let bytes = scope.copy(UnsafeRawBufferPointer(start: source, count: text.len))
        copy = UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self)
        return .ok
      }
      return copy
    }
    api.defer = { handle, function, argument in
      guard let function else { return Status.invalid.rawValue }
      return CallSite.loop(handle) { $0.deferCall(function, argument) }
    }
  }
}

extension UnsafeMutablePointer<Scope> {
  /// Calls `function(argument)` when the scope closes, before what was deferred earlier.
  fileprivate func deferCall(_ function: @escaping HookFunction, _ argument: UnsafeMutableRawPointer?) -> Status {
    guard pointee.state != .closed else { return .closed }
    guard let memory = allocate(MemoryLayout<DeferredCall>.size) else { return .noMemory }
    let call = memory.bindMemory(to: DeferredCall.self, capacity: 1)
    call.initialize(to: DeferredCall(function: function, argument: argument, earlier: pointee.deferred))
    pointee.deferred = call
    return .ok
  }
}
