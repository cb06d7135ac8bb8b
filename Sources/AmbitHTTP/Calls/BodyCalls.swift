internal import AmbitCore
internal import AmbitRuntime
internal import CAmbit

/// The calls that read the request's body.
enum BodyCalls {
  static func install(in api: inout ambit_api) {
    api.body_length = { handle in
      switch RequestPointer.of(handle)?.pointee.head.body {
      case .length(let length): length
      case .chunked: -1
      case .none?, nil: 0
      }
    }
    api.read = { handle, memory, capacity in
      guard let request = RequestPointer.of(handle) else { return Int64(Status.wrongState.rawValue) }
      guard let memory, capacity > 0 else { return Int64(Status.invalid.rawValue) }
      var count: Int64 = 0
      let status = CallSite.job(handle) { scope, job in
        let room = UnsafeMutableRawBufferPointer(start: memory, count: Int(clamping: capacity))
        count = request.readBody(into: room, job: job, scope: scope)
        return count == Int64(Status.cancelled.rawValue) ? .cancelled : .ok
      }
      return status == 0 ? count : Int64(status)
    }
    api.body = { handle, whole in
      guard let request = RequestPointer.of(handle) else { return Status.wrongState.rawValue }
      guard let whole else { return Status.invalid.rawValue }
      return CallSite.job(handle) { scope, job in
        let (status, bytes) = request.readWholeBody(job: job, scope: scope)
        whole.pointee = status == .ok ? ambit_str(bytes) : .absent
        return status
      }
    }
  }
}
