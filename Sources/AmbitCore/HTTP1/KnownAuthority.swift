/// An authority that was found well-formed, to be recognised: nearly all requests to a server name the same one.
struct KnownAuthority: Sendable {
  /// The first and the last eight bytes, which may overlap.
  private var first: UInt64 = 0
  private var last: UInt64 = 0
  /// 0: none is known.
  private var length = 0

  /// None.
  init() {}

  /// That of `range`, if it has 8 to 16 bytes; else none.
  init(_ range: ByteRange, in bytes: RawSpan) {
    guard 8...16 ~= range.length else { return }
    first = bytes.word(at: range.start)
    last = bytes.word(at: range.end &- 8)
    length = Int(range.length)
  }

  /// Whether the bytes of `range` are the same, in the same case.
  @inline(__always)
  func equals(_ range: ByteRange, in bytes: RawSpan) -> Bool {
    Int(range.length) == length && length > 0 && bytes.word(at: range.start) == first
      && bytes.word(at: range.end &- 8) == last
  }
}
