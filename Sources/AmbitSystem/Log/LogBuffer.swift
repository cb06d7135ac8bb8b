/// Lines for an output that has no room for them now. Beyond a limit they are left out, until all that is kept is written;
/// one line in their place tells how many.
struct LogBuffer {
  private(set) var output: NonBlockingWriter
  /// So many bytes are kept, and one line more if it is the first.
  private let limit: Int
  private let lossLine: @Sendable (Int) -> String
  /// What is kept stands behind `start`.
  private var bytes: [UInt8] = []
  private var start = 0
  /// Lines left out behind what is kept; 0 if nothing is.
  private var lostCount = 0

  init(to output: NonBlockingWriter, limit: Int = 8 << 20, lossLine: @escaping @Sendable (Int) -> String) {
    self.output = output
    self.limit = limit
    self.lossLine = lossLine
  }

  var isEmpty: Bool { count == 0 }

  /// Bytes that are kept.
  var count: Int { bytes.count - start }

  /// Goes on by another descriptor if somebody has closed the output's own and `original` still leads there.
  mutating func keepOutput(_ original: Int32) {
    if !output.isIntact { output = output.renewed(from: original) }
  }

  /// Writes a line if it is its turn and there is room, and else keeps it, or what is left of it. Does not wait.
  mutating func add(_ line: UnsafeRawBufferPointer) {
    if isEmpty {
      bytes += line[output.write(line)...]
    } else if lostCount == 0, count + line.count <= limit {
      bytes += line
    } else {
      lostCount += 1
    }
  }

  /// Writes as much of what is kept as there is room for. Does not wait.
  mutating func writeOn() {
    while !isEmpty {
      let written = bytes.withUnsafeBytes { output.write(UnsafeRawBufferPointer(rebasing: $0[start...])) }
      guard written > 0 else { return }
      removeFirst(written)
      if isEmpty, lostCount > 0 {
        bytes += lossLine(lostCount).utf8
        lostCount = 0
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
