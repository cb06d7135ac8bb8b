/// Splits the output of a process into lines.
package struct LineStream {
  /// A longer line is split into several, so that endless output without a line feed does not take endless memory.
  static let longestLine = 8192

  private var unfinished: [UInt8] = []

  package init() {}

  /// Takes more output, and returns the lines that are complete now.
  package mutating func append(_ piece: some Sequence<UInt8>) -> [String] {
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

  /// Takes out the text after the last line feed; nil if there is none. For the end of the output.
  package mutating func rest() -> String? {
    defer { unfinished = [] }
    return unfinished.isEmpty ? nil : String(decoding: unfinished, as: UTF8.self)
  }
}
