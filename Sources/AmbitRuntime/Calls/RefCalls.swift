internal import AmbitCore
internal import CAmbit

/// The calls about references, most of which work on any thread.
enum RefCalls {
  static func install(in api: inout ambit_api) {
    api.ref_of = { handle in
      var id: UInt64 = 0
      _ = CallSite.loop(handle) { scope in
        id = scope.reference()
        return .ok
      }
      return ambit_ref(api: handle?.pointee.api, id: id)
    }
    api.ref_cancelled = { ref in
      ambit_cause((ForkedChild.isCurrent ? .done : References.causeForCaller(ref.id)).rawValue)
    }
    api.post = { ref, function, argument in
      guard let function else { return Status.invalid.rawValue }
      guard !ForkedChild.isCurrent else { return Status.wrongThread.rawValue }
      return References.post(function, argument: argument, to: ref.id).rawValue
    }
  }
}
