/// Buffers lines that the reader of the log has no room for yet. Once the buffer is full, lines are dropped until all that
/// is buffered is written; one line in their place reports how many.
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
    if isEmpty {
      unsafe bytes += line[writer.write(line)...]
    } else if droppedCount == 0, count + line.count <= limit {
      unsafe bytes += line
    } else {
      droppedCount += 1
    }
  }

  /// Writes as much as the reader has room for. Does not wait.
  mutating func flush() {
    while !isEmpty {
      let written = unsafe bytes.withUnsafeBytes { unsafe writer.write(UnsafeRawBufferPointer(rebasing: $0[start...])) }
      guard written > 0 else { return }
      removeFirst(written)
      if isEmpty, droppedCount > 0 {
        bytes += lossLine(droppedCount).utf8
        droppedCount = 0
      }
    }
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
