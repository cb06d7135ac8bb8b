internal import CCrash
internal import Glibc
internal import Synchronization

/// Writes lines of all threads to one descriptor, mostly standard error. Lines of different threads do not mix and keep
/// their order.
///
/// The thread that logs writes its line at once, so that a crash right after it loses nothing. If the reader is slow,
/// that thread blocks, which is right for a command. After `makeNonBlocking`, which a host calls, no thread blocks:
/// what the reader has no room for is buffered, and a thread that lives only as long as the buffer is not empty writes
/// it.
public final class LineOutput: Sendable {
  /// Standard error.
  public static let standardError = LineOutput(STDERR_FILENO)

  package let descriptor: Int32
  private let state = Mutex(State())
  private let hasFailed = Atomic<Bool>(false)

  /// Whether a thread that waited for the reader could not write its lines: the disk is full, or the reader is gone.
  package var hasLostLines: Bool { hasFailed.load(ordering: .relaxed) }

  private struct State {
    /// nil as long as threads block for the reader.
    var buffer: LogBuffer?
    var isThreadRunning = false
  }

  init(_ descriptor: Int32) { self.descriptor = descriptor }

  /// From now on no thread blocks for the reader.
  /// - Parameter lossLine: makes the line that replaces that many dropped lines. It must not log.
  public func makeNonBlocking(lossLine: @escaping @Sendable (Int) -> String) {
    makeNonBlocking(LogBuffer(for: NonBlockingWriter(descriptor), lossLine: lossLine))
  }

  func makeNonBlocking(_ buffer: LogBuffer) { state.withLock { $0.buffer = buffer } }

  /// Whether a thread that writes blocks until the reader has room. From any thread.
  public var isBlocking: Bool { state.withLock { $0.buffer == nil } }

  /// Writes whole lines, with nothing of another thread in between. From any thread; blocks only if `isBlocking`.
  public func write(_ lines: String) {
    var lines = lines
    lines.withUTF8 { bytes in
      let bytes = UnsafeRawBufferPointer(bytes)
      state.withLock { state in
        guard state.buffer != nil else { return unsafe writeAll(bytes) }
        state.buffer!.restoreWriter(from: descriptor)
        unsafe state.buffer!.add(bytes)
        noteBacklog(of: state.buffer!)
        if !state.buffer!.isEmpty, !state.isThreadRunning { state.isThreadRunning = startThread() }
      }
    }
  }

  /// Waits until all buffered lines are written, at most `timeout` nanoseconds. From threads that may block.
  /// - Returns: whether all are written.
  @discardableResult
  public func flush(within timeout: Int64) -> Bool {
    let end = Clock.monotonic + timeout
    while let writer = writeBuffered() {
      let left = end - Clock.monotonic
      guard left > 0 else { return false }
      writer.waitUntilWritable(atMost: left)
    }
    return true
  }

  /// Tells the crash handler how many bytes are buffered: its report, written to the same descriptor, has to come after
  /// them.
  private func noteBacklog(of buffer: borrowing LogBuffer) {
    if self === LineOutput.standardError { ccrash_note_backlog(buffer.count) }
  }

  /// Blocks for the reader. Uses as few system calls as possible: a pipe takes at most 4 KiB in one piece for sure.
  private func writeAll(_ bytes: UnsafeRawBufferPointer) {
    var rest = unsafe bytes
    while unsafe !rest.isEmpty {
      let count = unsafe Glibc.write(descriptor, rest.baseAddress!, rest.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return hasFailed.store(true, ordering: .relaxed) }
      unsafe rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }

  /// Writes as much of the buffer as the reader has room for.
  /// - Returns: the writer to wait for if something is left; else nil.
  private func writeBuffered() -> NonBlockingWriter? {
    state.withLock { state in
      state.buffer?.restoreWriter(from: descriptor)
      state.buffer?.flush()
      if let buffer = state.buffer { noteBacklog(of: buffer) }
      guard let buffer = state.buffer, !buffer.isEmpty else {
        state.isThreadRunning = false
        return nil
      }
      return buffer.writer
    }
  }

  /// - Returns: false if the system has no more threads. The next line tries again.
  private func startThread() -> Bool {
    let thread = try? SystemThread(for: "the log") {
      while let writer = self.writeBuffered() { writer.waitUntilWritable() }
    }
    thread?.detach()
    return thread != nil
  }
}

/// Buffers lines that the reader of the log has no room for yet. Once the buffer is full, lines are dropped until all
/// that is buffered is written; one line in their place reports how many. Lines that a full disk does not take are
/// dropped at once, since nothing tells when there is room again; the next line that it takes comes after such a report.
struct LogBuffer {
  private(set) var writer: NonBlockingWriter
  /// Most bytes that are buffered. The first line is buffered whatever its length.
  private let limit: Int
  private let lossLine: @Sendable (Int) -> String
  /// Buffered are the bytes from `start` on.
  private var bytes: [UInt8] = []
  private var start = 0
  /// Lines dropped after those that are buffered.
  private var droppedCount = 0
  /// Whether what was written ends with a whole line. A full disk may cut a line off.
  private var endsLine = true

  /// - Parameter lossLine: makes the line that replaces that many dropped lines.
  init(for writer: NonBlockingWriter, limit: Int = 8 << 20, lossLine: @escaping @Sendable (Int) -> String) {
    self.writer = writer
    self.limit = limit
    self.lossLine = lossLine
  }

  var isEmpty: Bool { count == 0 }

  /// Bytes that are buffered.
  var count: Int { bytes.count - start }

  /// Replaces the writer if code of a plugin has closed its descriptor and `original` still leads to the same file.
  mutating func restoreWriter(from original: Int32) {
    if !writer.isIntact { writer = writer.renewed(from: original) }
  }

  /// Writes a line if nothing is buffered before it, and buffers what the reader has no room for. Does not wait.
  mutating func add(_ line: UnsafeRawBufferPointer) {
    if isEmpty, droppedCount > 0 { reportLoss() }
    if isEmpty, droppedCount == 0 {
      guard let written = unsafe put(line) else {
        droppedCount = 1
        return
      }
      unsafe bytes += line[written...]
    } else if droppedCount == 0, count + line.count <= limit {
      unsafe bytes += line
    } else {
      droppedCount += 1
    }
  }

  /// Writes as much as the reader has room for. Does not wait.
  mutating func flush() {
    while !isEmpty {
      let rest = bytes[start...]
      guard let written = unsafe rest.withUnsafeBytes({ unsafe put($0) }) else {
        droppedCount += rest.count { $0 == UInt8(ascii: "\n") }
        (bytes, start) = ([], 0)
        return
      }
      guard written > 0 else { return }
      removeFirst(written)
      if isEmpty, droppedCount > 0 {
        bytes += lossLine(droppedCount).utf8
        droppedCount = 0
      }
    }
  }

  /// Reports the lines that a full disk did not take, if it takes the report.
  private mutating func reportLoss() {
    let report = Array(((endsLine ? "" : "\n") + lossLine(droppedCount)).utf8)
    guard let written = unsafe report.withUnsafeBytes({ unsafe put($0) }) else { return }
    (bytes, start) = (Array(report[written...]), 0)
    droppedCount = 0
  }

  /// Writes lines, or the rest of one and further lines. Lines of other processes do not come in between, see
  /// `NonBlockingWriter.lock`.
  /// - Returns: see `NonBlockingWriter.write`.
  private mutating func put(_ bytes: UnsafeRawBufferPointer) -> Int? {
    guard writer.mayCutLines else { return unsafe putOnce(bytes) }
    guard writer.lock() else { return 0 }
    defer { if endsLine { writer.unlock() } }
    var written = 0
    while written < bytes.count {
      let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[written...])
      let piece = unsafe UnsafeRawBufferPointer(rebasing: rest[..<Self.lengthOfPiece(rest)])
      guard let count = unsafe putOnce(piece) else { return nil }
      written += count
      guard count == piece.count else { break }
    }
    return written
  }

  private mutating func putOnce(_ bytes: UnsafeRawBufferPointer) -> Int? {
    let written = unsafe writer.write(bytes)
    if let written, written > 0 { endsLine = unsafe bytes[written - 1] == UInt8(ascii: "\n") }
    return written
  }

  /// How much of some lines to write at once: as many whole lines as a pipe takes completely or not at all, or else the
  /// first line.
  private static func lengthOfPiece(_ lines: UnsafeRawBufferPointer) -> Int {
    guard lines.count > Int(PIPE_BUF) else { return lines.count }
    let feed = UInt8(ascii: "\n")
    let last = unsafe lines[..<Int(PIPE_BUF)].lastIndex(of: feed) ?? lines.firstIndex(of: feed)
    return last.map { $0 + 1 } ?? lines.count
  }

  private mutating func removeFirst(_ count: Int) {
    start += count
    if start == bytes.count {
      (bytes, start) = ([], 0)
    } else if start > bytes.count / 2 {
      bytes.removeFirst(start)
      start = 0
    }
  }
}
