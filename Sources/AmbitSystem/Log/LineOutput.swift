internal import CCrash
internal import Glibc
internal import Synchronization

/// Lines of several threads on their way to one descriptor, standard error as a rule: they do not mix, and keep their
/// order.
///
/// The thread that has a line writes it at once, so that a crash right behind it loses nothing. If its reader does not
/// keep up, that thread waits, as it should in a command. After `stopWaiting`, as a host must go on, it does not: what
/// finds no room is kept, and written by a thread that is there for as long as it takes.
public final class LineOutput: Sendable {
  /// Standard error.
  public static let standardError = LineOutput(STDERR_FILENO)

  package let descriptor: Int32
  private let state = Mutex(State())

  private struct State {
    /// nil as long as threads wait.
    var backlog: LogBuffer?
    var isThreadAtWork = false
  }

  init(_ descriptor: Int32) { self.descriptor = descriptor }

  /// From now on no thread waits for the reader. `lossLine` makes the line that stands for so many others which were left
  /// out because the reader was too far behind; it writes nothing itself.
  public func stopWaiting(lossLine: @escaping @Sendable (Int) -> String) {
    stopWaiting(LogBuffer(to: NonBlockingWriter(descriptor), lossLine: lossLine))
  }

  func stopWaiting(_ backlog: LogBuffer) { state.withLock { $0.backlog = backlog } }

  /// Whether who writes waits for the reader.
  public var isWaiting: Bool { state.withLock { $0.backlog == nil } }

  /// Writes whole lines, nothing of another thread's in between. From any thread.
  public func write(_ lines: String) {
    var lines = lines
    lines.withUTF8 { bytes in
      let bytes = UnsafeRawBufferPointer(bytes)
      state.withLock { state in
        guard state.backlog != nil else { return writeAll(bytes) }
        state.backlog!.keepOutput(descriptor)
        state.backlog!.add(bytes)
        noteBacklog(state.backlog!)
        if !state.backlog!.isEmpty, !state.isThreadAtWork { state.isThreadAtWork = startThread() }
      }
    }
  }

  /// Waits until all that was written has found room, at most for so many nanoseconds. From threads that may wait.
  /// - Returns: whether it has.
  @discardableResult
  public func flush(within patience: Int64) -> Bool {
    let end = Clock.monotonic + patience
    while let output = writeOn() {
      let left = end - Clock.monotonic
      guard left > 0 else { return false }
      output.awaitRoom(atMost: left)
    }
    return true
  }

  /// Writes whole lines, after waiting for the reader, without the lock that keeps the lines of several threads apart:
  /// in a forked child a thread of its parent's may hold it.
  package func writeUnlocked(_ lines: String) {
    var lines = lines
    lines.withUTF8 { writeAll(UnsafeRawBufferPointer($0)) }
  }

  /// Lets a crash report, which goes the same way, know what has to be written before it.
  private func noteBacklog(_ backlog: borrowing LogBuffer) {
    if self === LineOutput.standardError { ccrash_note_backlog(backlog.count) }
  }

  /// Waits for the reader. In as few system calls as it takes: a pipe takes no more than 4 KiB at once for sure.
  private func writeAll(_ bytes: UnsafeRawBufferPointer) {
    var rest = bytes
    while !rest.isEmpty {
      let count = Glibc.write(descriptor, rest.baseAddress!, rest.count)
      guard count > 0 else { return }
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }

  /// Writes as much of the backlog as there is room for. The output to wait for if something is left; else nil.
  private func writeOn() -> NonBlockingWriter? {
    state.withLock { state in
      state.backlog?.keepOutput(descriptor)
      state.backlog?.writeOn()
      if let backlog = state.backlog { noteBacklog(backlog) }
      guard let backlog = state.backlog, !backlog.isEmpty else {
        state.isThreadAtWork = false
        return nil
      }
      return backlog.output
    }
  }

  /// False if the system has no more threads: the next line tries again.
  private func startThread() -> Bool {
    let thread = try? SystemThread(for: "the log") {
      while let output = self.writeOn() { output.awaitRoom() }
    }
    thread?.detach()
    return thread != nil
  }
}
