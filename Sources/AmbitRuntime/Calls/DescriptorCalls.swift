internal import AmbitCore
internal import CAmbit

/// The call that waits for a descriptor of the plugin.
enum DescriptorCalls {
  static func install(in api: inout ambit_api) {
    api.wait_fd = { handle, descriptor, events, timeout, ready in
      ready?.pointee = 0
      let interest = Readiness(rawValue: events)
      let known: Readiness = [.readable, .writable, .hangup]
      guard descriptor >= 0, !interest.isEmpty, interest.isSubset(of: known) else { return Status.invalid.rawValue }
      return CallSite.job(handle) { scope, job in
        let (status, found) = job.wait(for: descriptor, interest, in: scope, timeout: timeout)
        ready?.pointee = found.rawValue
        return status
      }
    }
  }
}
