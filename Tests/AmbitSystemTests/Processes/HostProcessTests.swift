import Glibc
import Testing

@testable import AmbitSystem

@Suite struct `The host's process` {
  @Test func `The host may have as many descriptors as the system allows`() async {
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

@Suite struct `A log at the limit of its file` {
  @Test(arguments: [false, true]) func `A log at the size limit of its file loses lines, and nothing else`(blocks: Bool)
    async
  {
    await #expect(processExitsWith: .success) { [blocks] in
      HostProcess.surviveFileSizeLimit()
      let resource = __rlimit_resource_t(RLIMIT_FSIZE.rawValue)
      var limit = rlimit(rlim_cur: 1000, rlim_max: 1000)
      precondition(setrlimit(resource, &limit) == 0)
      var path = Array("/tmp/ambit-log-XXXXXX".utf8CString)
      let descriptor = mkstemp(&path)
      precondition(descriptor >= 0 && unlink(path) == 0)
      let output = LineOutput(descriptor)
      if !blocks { output.makeNonBlocking { _ in "" } }
      for _ in 0..<100 { output.write("a line of twenty-one.\n") }
      output.flush(within: 1_000_000_000)
      // A line for which there is no room is taken back, unless a caller waits for it.
      precondition(lseek(descriptor, 0, SEEK_END) == (blocks ? 1000 : 1000 - 1000 % 22))
    }
  }

  @Test func `The signal of the size limit is not ignored, as programs that the process starts would ignore it too`()
    async
  {
    await #expect(processExitsWith: .success) {
      HostProcess.surviveFileSizeLimit()
      var action = sigaction()
      precondition(sigaction(SIGXFSZ, nil, &action) == 0)
      precondition(unsafeBitCast(action.__sigaction_handler.sa_handler, to: UInt.self) > 1)
    }
  }
}

@Suite struct `The arguments of the process` {
  @Test func `The arguments of the process are those of the system, without the program's name`() {
    #expect(HostProcess.arguments == Array(CommandLine.arguments.dropFirst()))
    #expect(HostProcess.binary == HostProcess.startedAs)
  }
}
