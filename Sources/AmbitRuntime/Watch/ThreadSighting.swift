internal import CFiber
internal import Logging

/// What another thread was found doing: copies.
struct ThreadSighting: Sendable {
  /// "running", or what it waits in.
  let state: String
  let backtrace: Backtrace
  /// The backtrace is a scan of the stack: see `StackScan`.
  let isGuess: Bool

  /// Looks at a thread of the process: one that runs is interrupted for its backtrace; one in a system call is left alone,
  /// and its stack searched for returns into the library of `origin`.
  init(ofThread thread: Int32, origin: UInt) {
    switch ThreadState(ofThread: thread) {
    case .inCall(let name, let stackPointer, let address):
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
      // It may be in a system call, which an interruption would make fail.
      state = "unknown, as /proc does not tell"
      isGuess = false
      backtrace = Backtrace(frames: [])
    case .gone:
      state = "gone"
      isGuess = false
      backtrace = Backtrace(frames: [])
    }
  }

  /// Where a thread is that is interrupted for it; without frames if it does not answer within a second.
  static func interrupted(_ thread: Int32) -> Backtrace {
    let frames = [UInt](unsafeUninitializedCapacity: Backtrace.mostFrames) { buffer, count in
      count = max(
        Int(cfiber_backtrace_thread(thread, buffer.baseAddress!, Int32(buffer.count), 1_000_000_000)), 0)
    }
    return Backtrace(frames: frames, beginsWithInterruption: true)
  }

  var fields: Logger.Metadata {
    var fields: Logger.Metadata = ["state": "\(state)"]
    if !backtrace.frames.isEmpty { fields[isGuess ? "stack_guess" : "stack"] = "\(backtrace.text)" }
    return fields
  }
}
