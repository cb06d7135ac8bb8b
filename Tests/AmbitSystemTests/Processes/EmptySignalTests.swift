import Foundation
import Glibc
import TestSupport
import Testing

@testable import AmbitSystem

/// A process that another one tells what to do, and that runs code of plugins.
@Suite struct `A process with empty handlers` {
  @Test func `The signals of an operator neither end such a process nor interrupt its system calls`() async {
    await #expect(processExitsWith: .success) {
      try Signals.installEmpty()
      try Signals.keepEmpty()
      var ends: [Int32] = [-1, -1]
      precondition(pipe(&ends) == 0)
      let (reading, writing) = (ends[0], ends[1])
      let latch = Latch<Int>()
      let thread = try SystemThread(for: "a test") {
        var byte: UInt8 = 0
        latch.arrive(read(reading, &byte, 1))
      }
      for number in [SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE, SIGXFSZ] {
        kill(getpid(), number)
        raise(number)
      }
      precondition(!latch.isOpen)
      precondition(write(writing, "x", 1) == 1)
      thread.join()
      precondition(latch.arrived == [1])
    }
  }

  @Test func `A handler that other code of such a process has reset or replaced is installed again`() async {
    await #expect(processExitsWith: .success) {
      try Signals.installEmpty()
      try Signals.keepEmpty()
      func handler(_ number: Int32) -> UInt {
        var action = sigaction()
        precondition(sigaction(number, nil, &action) == 0)
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: UInt.self)
      }
      let own = handler(SIGTERM)
      let others: [(@convention(c) (Int32) -> Void)?] = [SIG_DFL, { _ in _exit(2) }]
      for number in [SIGTERM, SIGINT, SIGHUP] {
        for other in others {
          signal(number, other)
          let end = Clock.monotonic + 60_000_000_000
          while handler(number) != own { precondition(Clock.monotonic < end) }
          // To this thread: to the process, it may come to the main thread after the next handler was set.
          raise(number)
        }
      }
    }
  }

  @Test func `What it starts by posix_spawn or system has the default actions and no signal blocked`() async throws {
    try await withTemporaryFolder { folder in
      let file = folder.appending(path: "status").filePath
      await #expect(processExitsWith: .success) { [file = file as String] in
        signal(SIGHUP, SIG_IGN)
        signal(SIGQUIT, SIG_IGN)
        var all = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, nil)
        try Signals.installEmpty()
        try Signals.keepEmpty()
        let script = "grep -E '^Sig(Blk|Ign)' /proc/self/status > \(file)"
        func expectDefaults(_ how: String) throws {
          let lines = try TextFile.read(file).split(separator: "\n")
          precondition(lines.count == 2, "\(how): \(lines)")
          for line in lines {
            // The C library's posix_spawn has programs ignore the signals that it keeps for itself, 32 and 33.
            let set = UInt64(line.split(separator: "\t").last!, radix: 16)! & ~(3 << 31)
            precondition(set == 0, "\(how): \(lines)")
          }
        }
        var words: [UnsafeMutablePointer<CChar>?] =
          ["/bin/sh", "-c", script].map { (word: String) in strdup(word) } + [nil]
        var number = pid_t()
        precondition(posix_spawn(&number, "/bin/sh", nil, nil, &words, environ) == 0)
        precondition(waitpid(number, nil, 0) == number)
        try expectDefaults("posix_spawn")
        precondition(system(script) == 0)
        try expectDefaults("system")
      }
    }
  }

  @Test func `A signal ends what such a process has forked, before that executes a program`() async {
    await #expect(processExitsWith: .success) {
      try Signals.installEmpty()
      try Signals.keepEmpty()
      typealias Fork = @convention(c) () -> pid_t
      let fork = unsafeBitCast(dlsym(nil, "fork")!, to: Fork.self)
      let child = fork()
      if child == 0 { while true { pause() } }
      kill(child, SIGTERM)
      var status: Int32 = 0
      precondition(waitpid(child, &status, 0) == child && status & 0x7f == SIGTERM, "\(status)")
    }
  }
}
