/// Cuts output into lines.
struct LineStream {
  /// A longer line is cut into several, so that output without an end takes no memory without an end.
  static let longestLine = 8192

  private var unfinished: [UInt8] = []

  /// Takes more output, and returns the lines that are whole now.
  mutating func append(_ piece: some Sequence<UInt8>) -> [String] {
    var lines: [String] = []
    for byte in piece {
      if byte != UInt8(ascii: "\n") { unfinished.append(byte) }
      if byte == UInt8(ascii: "\n") || unfinished.count == Self.longestLine {
        lines.append(String(decoding: unfinished, as: UTF8.self))
        unfinished.removeAll(keepingCapacity: true)
      }
    }
    return lines
  }

  /// What stands behind the last line's end; nil if nothing does.
  mutating func rest() -> String? {
    defer { unfinished = [] }
    return unfinished.isEmpty ? nil : String(decoding: unfinished, as: UTF8.self)
  }
}
