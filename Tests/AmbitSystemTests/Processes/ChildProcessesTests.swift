import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import AmbitSystem

/// A child process that a test supervises, and its events.
private final class Observed: Sendable {
  let process: SupervisedProcess
  private let events: Events

  private final class Events: Sendable {
    let texts = Mutex<[String]>([])
    func note(_ event: ProcessEvent) {
      let text =
        switch event {
        case .ended(let child): "\(child.end)"
        case .stopped(let signal): "stopped by \(signal)"
        case .trapped(let signal): "trapped by \(signal)"
        case .continued: "continued"
        case .killedOrphan(_, let name, _): "killed \(name)"
        }
      texts.withLock { $0.append(text) }
    }
  }

  /// Runs a script of the shell.
  init(_ script: String, by children: ChildProcesses, descriptors: [Int32] = []) throws {
    let events = Events()
    self.events = events
    process = try children.start(
      ["/bin/sh", "-c", script], environment: HostProcess.environment, descriptors: descriptors
    ) { events.note($0) }
  }

  /// Takes over a process that was started with `mark`.
  init(adopting number: Int32, _ mark: ProcessMark, by children: ChildProcesses) {
    let events = Events()
    self.events = events
    process = children.adopt(number, mark) { events.note($0) }
  }

  /// Waits until the events so far are these.
  func expect(_ texts: [String], _ line: UInt = #line) {
    func found() -> [String] { events.texts.withLock { $0 } }
    wait("\(texts)", line, until: { found() == texts }, found: { "\(found())" })
  }
}

/// Waits until `condition` holds, and ends the process of the test if it does not.
private func wait(
  _ what: String, _ line: UInt = #line, until condition: () -> Bool, found: () -> String = { "" }
) {
  let end = Clock.monotonic + 60_000_000_000
  while !condition() {
    precondition(Clock.monotonic < end, "line \(line): expected \(what), found \(found())")
    usleep(1000)
  }
}

/// Waits until a process has written its number into a file.
private func number(in file: String) -> Int32 {
  var found: Int32?
  wait("a number in \(file)") {
    found = (try? TextFile.read(file)).flatMap { $0.hasSuffix("\n") ? Int32($0.dropLast()) : nil }
    return found != nil
  }
  return found!
}

/// Waits until a process of `straying` has written its number into a file and has become sleep(1): the events have its
/// name.
private func sleeper(in file: String) -> Int32 {
  let number = number(in: file)
  wait("sleep as \(number)") { (try? TextFile.read("/proc/\(number)/comm")) == "sleep\n" }
  return number
}

/// Whether there is a process, be it a zombie.
private func exists(_ number: Int32) -> Bool { kill(number, 0) == 0 }

private func started() throws -> ChildProcesses {
  let children = ChildProcesses()
  try children.begin()
  return children
}

/// A script that starts a process that leaves its parent, session and group, writes its number to a file, and runs on.
private func straying(_ file: String, in environment: String = "env") -> String {
  "(setsid \(environment) sh -c 'echo $$ > \(file); exec sleep 1000' &)"
}

/// Runs a script of the shell as a child that is not in `OwnChildren`.
private func run(_ script: String) -> Int32 {
  var words: [UnsafeMutablePointer<CChar>?] = ["/bin/sh", "-c", script].map { (word: String) in strdup(word) } + [nil]
  var number = pid_t()
  precondition(posix_spawn(&number, "/bin/sh", nil, nil, &words, environ) == 0)
  return number
}

/// Starts a program whose parent ends at once, so that it comes to this process.
private func stranger(_ program: String, _ file: String) -> Int32 {
  waitpid(run("(sh -c 'echo $$ > \(file); exec \(program)' &)"), nil, 0)
  return number(in: file)
}

/// Refuses the limit that marks what a process starts.
private func refuseMarks() {
  var limit = rlimit(rlim_cur: 1000, rlim_max: 1000)
  precondition(setrlimit(__rlimit_resource_t(__RLIMIT_LOCKS.rawValue), &limit) == 0)
}

@Suite struct `Child processes` {
  @Test(arguments: [("exit 3", "exited(3)"), ("kill -9 $$", "signalled(9)"), ("exec sleep 0", "exited(0)")])
  func `The end of a supervised process is told once, with how it ended`(script: String, end: String) async {
    await #expect(processExitsWith: .success) { [script, end] in
      let children = try started()
      let observed = try (0..<5).map { _ in try Observed(script, by: children) }
      for one in observed { one.expect([end]) }
      let last = try Observed("exit 9", by: children)
      last.expect(["exited(9)"])
      for one in observed { one.expect([end]) }
      precondition(!observed[0].process.send(SIGTERM))
    }
  }

  @Test func `The processor time and the memory of a supervised process are told with its end`() async {
    await #expect(processExitsWith: .success) {
      let children = try started()
      let latch = Latch<ProcessUsage>()
      _ = try children.start(
        ["/bin/sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"], environment: [:], descriptors: []
      ) { if case .ended(let child) = $0 { latch.arrive(child.usage) } }
      let usage = latch.wait(timeout: 30_000_000_000)![0]
      precondition(usage.processorTime > 10_000_000 && usage.processorTime < 30_000_000_000, "\(usage)")
      precondition(usage.peakMemory > 100_000 && usage.peakMemory < 1 << 30, "\(usage)")
    }
  }

  @Test func `A stop, its end, and the end of a supervised process are told in their order`() async {
    await #expect(processExitsWith: .success) {
      let children = try started()
      let observed = try Observed("exec sleep 1000", by: children)
      observed.process.send(SIGSTOP)
      observed.expect(["stopped by \(SIGSTOP)"])
      observed.process.send(SIGCONT)
      observed.expect(["stopped by \(SIGSTOP)", "continued"])
      observed.process.send(SIGSTOP)
      observed.process.kill()
      wait("the end") { !observed.process.send(0) }
    }
  }

  @Test func `A supervised process has the given descriptors from 3 on, and the group of its parent`() async {
    await #expect(processExitsWith: .success) {
      let children = try started()
      let pipes = try (0..<2).map { _ in try DescriptorPair(pipeFor: "a test") }
      _ = try Observed(
        "echo one >&3; echo $(ps -o pgid= -p $$) >&4", by: children, descriptors: pipes.map(\.theirs))
      var texts: [String] = []
      for pipe in pipes {
        let ours = pipe.takeOurs()
        var text = ""
        wait("a line") {
          var bytes = [UInt8](repeating: 0, count: 100)
          let count = read(ours, &bytes, 100)
          text += String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
          return text.hasSuffix("\n")
        }
        texts.append(text)
      }
      precondition(texts == ["one\n", "\(getpgrp())\n"], "\(texts)")
    }
  }

  @Test func `A supervised process and what it starts have default signals, and are killed first if memory is short`()
    async throws
  {
    try await withTemporaryFolder { folder in
      let file = folder.appending(path: "status").filePath
      await #expect(processExitsWith: .success) { [file = file as String] in
        signal(SIGHUP, SIG_IGN)
        var all = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, nil)
        let children = try started()
        _ = try Observed("cat /proc/self/status > \(file); exec sleep 1000", by: children)
        var sets: [Substring] = []
        wait("a status") {
          let lines = (try? TextFile.read(file))?.split(separator: "\n") ?? []
          sets = lines.filter { $0.hasPrefix("SigBlk") || $0.hasPrefix("SigIgn") }
          return lines.contains { $0.hasPrefix("Cpus_allowed_list") } || lines.count > 50
        }
        precondition(sets.count == 2, "\(sets)")
        for set in sets {
          // The process of the test ignores the signals that the C library keeps for itself, 32 and 33.
          precondition(UInt64(set.split(separator: "\t").last!, radix: 16)! & ~(3 << 31) == 0, "\(sets)")
        }
        precondition(children.killAll(within: 10_000_000_000))
      }
    }
    await #expect(processExitsWith: .success) {
      let children = try started()
      func adjustment(_ process: String) -> Int? {
        (try? TextFile.read("/proc/\(process)/oom_score_adj")).flatMap { Int($0.dropLast()) }
      }
      let observed = try Observed("exec sleep 1000", by: children)
      precondition(adjustment("\(observed.process.number)") == adjustment("self")! + 100)
      observed.process.kill()
      observed.expect(["signalled(9)"])
    }
  }

  @Test func `A program that cannot be started is an error that names it`() async {
    await #expect(processExitsWith: .success) {
      let children = try started()
      do {
        _ = try children.start(["/nonexistent/program"], environment: [:], descriptors: []) { _ in }
        preconditionFailure("started")
      } catch {
        let expected = "/nonexistent/program: cannot start it: No such file or directory"
        precondition("\(error)" == expected, "\(error)")
      }
    }
  }
}

@Suite struct `Processes that a supervised process leaves behind` {
  @Test(arguments: ["env", "env -i PATH=/usr/bin:/bin"], [true, false])
  func `What a process has started dies with it, also if it has left its session and cleared its environment`(
    environment: String, hasLimit: Bool
  ) async throws {
    try await withTemporaryFolder { folder in
      let file = folder.appending(path: "number").filePath
      await #expect(processExitsWith: .success) { [environment, hasLimit, file = file as String] in
        if !hasLimit { refuseMarks() }
        let children = try started()
        let observed = try Observed("\(straying(file, in: environment)); exec sleep 1000", by: children)
        let orphan = sleeper(in: file)
        observed.process.kill()
        // A process without the environment is not known to be its child if there is no other mark.
        wait("the end of \(orphan)") { !exists(orphan) }
        observed.expect(
          hasLimit || environment == "env" ? ["signalled(9)", "killed sleep"] : ["signalled(9)"])
      }
    }
  }

  @Test func `What a process has started also dies after its orderly end, together with what that has started`()
    async throws
  {
    try await withTemporaryFolder { folder in
      let files = (0..<3).map { folder.appending(path: "\($0)").filePath }
      await #expect(processExitsWith: .success) { [files = files as [String]] in
        let children = try started()
        let nested = "\(straying(files[0])); \(straying(files[1])); echo $$ > \(files[2]); exec sleep 1000"
        let quoted = nested.replacing("'", with: "'\\''")
        let areWritten = files.map { "[ -s \($0) ]" }.joined(separator: " && ")
        let script = "setsid sh -c '\(quoted)' & until \(areWritten); do sleep 0.01; done"
        _ = try Observed(script, by: children)
        for file in files {
          let orphan = number(in: file)
          wait("the end of \(orphan)") { !exists(orphan) }
        }
      }
    }
  }

  @Test(arguments: ["env", "env -i PATH=/usr/bin:/bin"])
  func `What a living process has started stays, whatever ends beside it`(environment: String) async throws {
    try await withTemporaryFolder { folder in
      let (file, other) = (folder.appending(path: "number").filePath, folder.appending(path: "other").filePath)
      await #expect(processExitsWith: .success) { [environment, file = file as String, other = other as String] in
        let children = try started()
        let living = try Observed("\(straying(file, in: environment)); exec sleep 1000", by: children)
        let ending = try Observed("\(straying(other, in: environment)); exec sleep 1000", by: children)
        let (kept, orphan) = (number(in: file), sleeper(in: other))
        ending.process.kill()
        wait("the end of \(orphan)") { !exists(orphan) }
        ending.expect(["signalled(9)", "killed sleep"])
        precondition(exists(kept))
        living.expect([])
        precondition(children.killAll(within: 10_000_000_000))
        precondition(!exists(kept))
      }
    }
  }

  @Test func `Killing all ends what is stopped, and all that was left behind`() async throws {
    try await withTemporaryFolder { folder in
      let files = (0..<4).map { folder.appending(path: "\($0)").filePath }
      await #expect(processExitsWith: .success) { [files = files as [String]] in
        let children = try started()
        let observed = try files.map { try Observed("\(straying($0)); exec sleep 1000", by: children) }
        let orphans = files.map { number(in: $0) }
        observed[0].process.send(SIGSTOP)
        kill(orphans[0], SIGSTOP)
        precondition(children.killAll(within: 10_000_000_000))
        for number in orphans + observed.map(\.process.number) { precondition(!exists(number)) }
      }
    }
  }

  @Test(arguments: ["env", "env -i PATH=/usr/bin:/bin"])
  func `A process whose supervisor is gone can kill what it has started`(environment: String) async throws {
    try await withTemporaryFolder { folder in
      let (file, other) = (folder.appending(path: "number").filePath, folder.appending(path: "other").filePath)
      await #expect(processExitsWith: .success) { [environment, file = file as String, other = other as String] in
        waitpid(run(straying(other)), nil, 0)
        var limit = rlimit()
        let resource = __rlimit_resource_t(__RLIMIT_LOCKS.rawValue)
        precondition(getrlimit(resource, &limit) == 0)
        limit.rlim_cur = rlim_t(ProcessMark().description)!
        precondition(setrlimit(resource, &limit) == 0)
        waitpid(run(straying(file, in: environment)), nil, 0)
        let (orphan, stays) = (number(in: file), number(in: other))
        ProcessMark.killInheritors()
        wait("the end of \(orphan)") { ProcessTimes.hasEnded(orphan) || !exists(orphan) }
        precondition(exists(stays) && !ProcessTimes.hasEnded(stays))
        kill(stays, SIGKILL)
      }
    }
  }

  @Test func `A process that was there before the program is supervised when it is adopted, and what it starts`()
    async throws
  {
    try await withTemporaryFolder { folder in
      let (file, go) = (folder.appending(path: "number").filePath, folder.appending(path: "go").filePath)
      await #expect(processExitsWith: .success) { [file = file as String, go = go as String] in
        let mark = ProcessMark()
        let waits = "until [ -e \(go) ]; do sleep 0.01; done"
        let old = run("export \(ProcessMark.variable)=\(mark); \(waits); \(straying(file)); exec sleep 1000")
        let children = ChildProcesses()
        let adopted = Observed(adopting: old, ProcessMark(mark.description)!, by: children)
        try children.begin()
        _ = try OpenFile(creating: go, mode: 0o600)
        let orphan = sleeper(in: file)
        try Observed("exit 1", by: children).expect(["exited(1)"])
        precondition(exists(orphan))
        adopted.process.kill()
        adopted.expect(["signalled(9)", "killed sleep"])
        wait("the end of \(orphan)") { !exists(orphan) }
      }
    }
  }
}

@Suite struct `Children of others` {
  @Test(arguments: [true, false])
  func `A stranger that no supervised process has started is reaped when it ends, and not killed`(hasLimit: Bool)
    async throws
  {
    try await withTemporaryFolder { folder in
      let files = (0..<2).map { folder.appending(path: "\($0)").filePath }
      await #expect(processExitsWith: .success) { [hasLimit, files = files as [String]] in
        if !hasLimit { refuseMarks() }
        let children = try started()
        let stays = stranger("sleep 1000", files[0])
        let ends = stranger("true", files[1])
        wait("the end of a stranger") { !exists(ends) }
        // The system tells when a process began in steps of 10 ms.
        usleep(20_000)
        for _ in 0..<2 { try Observed("exit 0", by: children).expect(["exited(0)"]) }
        precondition(children.killAll(within: 10_000_000_000))
        precondition(exists(stays))
        kill(stays, SIGKILL)
        wait("the end of the stranger") { !exists(stays) }
      }
    }
  }

  @Test func `The children that other code of the process waits for are left to it`() async {
    await #expect(processExitsWith: .success) {
      let children = try started()
      let threads = try (0..<4).map { index in
        try SystemThread(for: "a test") {
          for _ in 0..<25 {
            if index % 2 == 0 {
              let fails = try! ChildProcess(["false"]).succeeds()
              precondition(try! ChildProcess(["true"]).succeeds() && !fails)
            } else {
              precondition(try! EndableCommands().run(["true"]))
              let number = run("exit 1")
              precondition(waitpid(number, nil, 0) == number)
            }
          }
        }
      }
      let observed = try (0..<25).map { _ in try Observed("exit 4", by: children) }
      for one in observed { one.expect(["exited(4)"]) }
      for thread in threads { thread.join() }
    }
  }

  @Test func `Where the system lists no children, strangers are reaped once no other child hides them`() async {
    await #expect(processExitsWith: .success) {
      let own = try ChildProcess.start(["true"])
      waitid(P_PID, id_t(own), nil, WEXITED | WNOWAIT)
      let hidden = run("exit 1")
      waitid(P_PID, id_t(hidden), nil, WEXITED | WNOWAIT)
      precondition(!OwnChildren.reapUnlistedStrangers())
      precondition(OwnChildren.reap(own)?.end == .exited(0))
      precondition(OwnChildren.reapUnlistedStrangers())
      precondition(!exists(hidden))
    }
  }
}
