/// Cuts output into lines.
struct LineStream {
  private var bytes: [UInt8] = []

  mutating func append(_ piece: some Sequence<UInt8>) { bytes += piece }

  /// The next line that has ended, nil if there is none.
  mutating func next() -> String? {
    guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
    defer { bytes.removeFirst(end + 1) }
    return String(decoding: bytes[..<end], as: UTF8.self)
  }

  /// What stands behind the last line's end; nil if nothing does.
  mutating func rest() -> String? {
    defer { bytes = [] }
    return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
  }
}
