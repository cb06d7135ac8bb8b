internal import AmbitSystem
internal import CFiber
internal import CLinux
internal import Glibc
internal import Logging

/// What another thread did at one moment: a copy.
struct ThreadSample: Sendable {
  /// "running", or the system call in which it waits.
  let state: String
  let backtrace: Backtrace
  /// The backtrace is a guess by `StackScan`.
  let isGuess: Bool

  /// Samples a thread of the process. A running thread is interrupted for its backtrace. A thread in a system call is
  /// not; its stack is searched for return addresses into the library around `origin`.
  init(ofThread thread: Int32, origin: UInt) {
    switch ThreadState(ofThread: thread) {
    case .inCall(let name, _, let stackPointer, let address):
      state = "in \(name)"
      isGuess = true
      backtrace = Backtrace(frames: [address] + StackScan.frames(from: stackPointer, intoImageOf: origin))
    case .running:
      state = "running"
      isGuess = false
      backtrace = Self.interrupted(thread)
    case .waiting:
      state = "waiting in the kernel"
      isGuess = false
      backtrace = Backtrace(frames: [])
    case .unknown:
      // It may be in a system call, which would fail if it were interrupted.
      state = "unknown: /proc does not report it"
      isGuess = false
      backtrace = Backtrace(frames: [])
    case .gone:
      state = "gone"
      isGuess = false
      backtrace = Backtrace(frames: [])
    }
  }

  /// Interrupts a thread for its backtrace; no frames if it does not answer within a second.
  static func interrupted(_ thread: Int32) -> Backtrace {
    let frames = [UInt](unsafeUninitializedCapacity: Backtrace.mostFrames) { buffer, count in
      count = max(
        Int(cfiber_backtrace_thread(thread, buffer.baseAddress!, Int32(buffer.count), 1_000_000_000)), 0)
    }
    return Backtrace(frames: frames, beginsWithInterruption: true)
  }

  /// There was no such thread any more.
  var hasEnded: Bool { state == "gone" }

  var fields: Logger.Metadata {
    var fields: Logger.Metadata = ["state": "\(state)"]
    if !backtrace.frames.isEmpty { fields[isGuess ? "stack_guess" : "stack"] = "\(backtrace.text)" }
    return fields
  }
}

/// What a thread of the process does at the moment, according to the kernel.
enum ThreadState {
  case running
  /// It waits in a system call; with the first argument of the call, its stack pointer and the address of the call.
  case inCall(name: String, argument: UInt, stackPointer: UInt, address: UInt)
  /// It waits for something else, such as a page or a tracer.
  case waiting
  case gone
  /// The kernel does not tell: /proc is not mounted or hides the thread.
  case unknown

  /// Reads /proc/self/task/TID/syscall: proc(5).
  init(ofThread thread: Int32) {
    guard let text = Self.read("/proc/self/task/\(thread)/syscall") else {
      let isAbsent = errno == ENOENT || errno == ESRCH
      self = isAbsent && HostProcess.hasProc ? .gone : .unknown
      return
    }
    let words = text.split(whereSeparator: \.isWhitespace)
    guard words.first != "running" else {
      self = .running
      return
    }
    guard words.count == 9, let number = Int64(words[0]), let argument = Self.number(words[1]),
      let stackPointer = Self.number(words[7]), let address = Self.number(words[8])
    else {
      self = .waiting
      return
    }
    let name = clinux_system_call_name(number).map { String(cString: $0) } ?? "system call \(number)"
    self = .inCall(name: name, argument: argument, stackPointer: stackPointer, address: address)
  }

  private static func number(_ word: Substring) -> UInt? {
    word.hasPrefix("0x") ? UInt(word.dropFirst(2), radix: 16) : nil
  }

  private static func read(_ path: String) -> String? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 256)
    let count = Glibc.read(file, &bytes, bytes.count)
    return count > 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : nil
  }
}
