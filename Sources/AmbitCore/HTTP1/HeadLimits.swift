/// The largest request head that is read. What is exactly as large as a limit is accepted.
public struct HeadLimits: Sendable, Equatable {
  /// Bytes of the request target; a longer one is answered with 414.
  public var maxTarget: UInt32
  /// Bytes of the whole head with its blank line; a longer one is answered with 431, or 414 within the request line.
  /// A buffer of this size is enough: with so many bytes the parser is never `incomplete`.
  public var maxHead: UInt32
  /// Header lines; one more is answered with 431.
  public var maxFields: Int

  public init(maxTarget: UInt32 = 8192, maxHead: UInt32 = 32768, maxFields: Int = 100) {
    self.maxTarget = maxTarget
    self.maxHead = maxHead
    self.maxFields = maxFields
  }
}
