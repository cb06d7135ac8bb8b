import Glibc
import Testing

@testable import AmbitRuntime

@Suite struct `The host's process` {
  @Test func `may have as many descriptors as the system allows`() async {
    await #expect(processExitsWith: .success) {
      let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
      var limit = rlimit()
      getrlimit(resource, &limit)
      limit.rlim_cur = limit.rlim_max / 2
      setrlimit(resource, &limit)
      HostProcess.raiseDescriptorLimit()
      getrlimit(resource, &limit)
      precondition(limit.rlim_cur == limit.rlim_max)
    }
  }
}
