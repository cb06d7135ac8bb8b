/// A slice of a buffer, as the place of its first byte and its length.
///
/// It says nothing about which buffer: a range out of a request head belongs to the bytes that the head was read from.
public struct ByteRange: Sendable, Equatable, BitwiseCopyable {
  public var offset: UInt32
  public var length: UInt32

  @inlinable
  public init(offset: UInt32 = 0, length: UInt32 = 0) {
    self.offset = offset
    self.length = length
  }

  /// The bytes from `start` up to and without `end`, both at most `UInt32.max`.
  @inline(__always)
  init(from start: Int, to end: Int) {
    offset = UInt32(truncatingIfNeeded: start)
    length = UInt32(truncatingIfNeeded: end &- start)
  }

  @inlinable
  public var isEmpty: Bool { length == 0 }

  /// The place of the first byte.
  @inlinable
  public var start: Int { Int(offset) }

  /// The place behind the last byte.
  @inlinable
  public var end: Int { Int(offset) &+ Int(length) }

  /// The places of all bytes, as `RawSpan.extracting` and buffers take them.
  @inlinable
  public var bounds: Range<Int> { start..<end }
}
