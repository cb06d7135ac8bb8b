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

/// Loads of integers from a `RawSpan`. The standard library marks such loads unsafe, because they could break the
/// invariants of other types. Integers have no invariants, and the bounds are checked.
extension RawSpan {
  @inline(__always)
  subscript(octet offset: Int) -> UInt8 {
    precondition(UInt(bitPattern: offset) < UInt(bitPattern: byteCount), "a byte behind the end was asked for")
    return unsafe unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self)
  }

  /// Two bytes as a number in native byte order; nil if the span ends before.
  @inline(__always)
  func pair(at offset: Int) -> UInt16? {
    guard byteCount >= 2, UInt(bitPattern: offset) <= UInt(bitPattern: byteCount &- 2) else { return nil }
    return unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt16.self)
  }

  @inline(__always)
  func quad(at offset: Int) -> UInt64 {
    UInt64(unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }

  /// Eight bytes as a number in native byte order.
  @inline(__always)
  func word(at offset: Int) -> UInt64 {
    unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
  }

  /// A range of fewer bytes than this is identified by its `number`.
  static var numberSize: Int { 8 }

  /// Fewer than eight bytes as one number. Two ranges of the same length are equal if and only if their numbers are.
  @inline(__always)
  func number(at offset: Int, count: Int) -> UInt64 {
    if count >= 4 { return quad(at: offset) | quad(at: offset + count - 4) << 32 }
    if count == 0 { return 0 }
    return UInt64(self[octet: offset]) | UInt64(self[octet: offset + count / 2]) << 8
      | UInt64(self[octet: offset + count - 1]) << 16
  }

  /// A hash of the bytes. A client can choose bytes that collide, so the hash is only a hint where to look.
  @inline(__always)
  func digest(at offset: Int, count: Int, seed: UInt64) -> UInt64 {
    var digest = (seed ^ UInt64(truncatingIfNeeded: count) << 32) &* 0x9E37_79B9_7F4A_7C15
    if count < 8 { return mixed(digest, number(at: offset, count: count)) }
    var done = 0
    while done + 8 < count {
      digest = mixed(digest, word(at: offset + done))
      done += 8
    }
    return mixed(digest, word(at: offset + count - 8))
  }

  /// Whether the bytes at an offset equal as many of another span at its own offset.
  @inline(__always)
  func equals(at offset: Int, _ other: Span<UInt8>, at otherOffset: Int, count: Int) -> Bool {
    equals(at: offset, unsafe other.bytes, at: otherOffset, count: count, ignoring: 0)
  }

  /// As above, without regard to some bits of each byte: those that are set in `bits`, which repeats one byte eight
  /// times.
  @inline(__always)
  func equals(at offset: Int, _ other: RawSpan, at otherOffset: Int, count: Int, ignoring bits: UInt64) -> Bool {
    if count < 8 {
      return number(at: offset, count: count) | bits == other.number(at: otherOffset, count: count) | bits
    }
    var done = 0
    while done + 8 < count {
      if word(at: offset + done) | bits != other.word(at: otherOffset + done) | bits { return false }
      done += 8
    }
    return word(at: offset + count - 8) | bits == other.word(at: otherOffset + count - 8) | bits
  }
}

/// One round of the hash. Every bit of the word affects the low bits, which select the slot.
@inline(__always)
private func mixed(_ digest: UInt64, _ word: UInt64) -> UInt64 {
  let product = (digest ^ word) &* 0xD6E8_FEB8_6659_FD93
  return product ^ product >> 32
}

extension [UInt8] {
  /// Calls `body` with the elements as raw bytes. The standard library marks the same property of `Span` unsafe for the
  /// padding that elements of other types may have.
  func withOctets<Result>(_ body: (RawSpan) -> Result) -> Result {
    body(unsafe span.bytes)
  }
}

extension RawSpan {
  /// The byte that the escape at an offset stands for (RFC 3986, section 2.1). The byte at the offset is known to be
  /// `%`; nil if two hexadecimal digits of either case do not follow it before `end`.
  @inline(__always)
  func escapedOctet(at offset: Int, end: Int) -> UInt8? {
    guard end - offset > 2, let high = hexadecimalValue(self[octet: offset + 1]),
      let low = hexadecimalValue(self[octet: offset + 2])
    else { return nil }
    return high << 4 | low
  }
}

@inline(__always)
func hexadecimalValue(_ byte: UInt8) -> UInt8? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
  case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
  case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
  default: nil
  }
}

/// Well-formed UTF-8 (RFC 3629, section 4): no overlong forms, no surrogates, nothing above U+10FFFF.
extension RawSpan {
  /// The number of bytes of the character at a position, 1 to 4; nil unless the bytes up to `end` begin with a
  /// complete, well-formed character.
  @inline(__always)
  func characterLength(at position: Int, end: Int) -> Int? {
    let first = self[octet: position]
    if first < 0x80 { return 1 }
    return multibyteLength(first, at: position, end: end)
  }

  private func multibyteLength(_ first: UInt8, at position: Int, end: Int) -> Int? {
    let length: Int
    let second: ClosedRange<UInt8>
    switch first {
    case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
    case 0xE0: (length, second) = (3, 0xA0...0xBF)
    case 0xED: (length, second) = (3, 0x80...0x9F)
    case 0xE1...0xEF: (length, second) = (3, 0x80...0xBF)
    case 0xF0: (length, second) = (4, 0x90...0xBF)
    case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
    case 0xF4: (length, second) = (4, 0x80...0x8F)
    default: return nil
    }
    guard position + length <= end, second.contains(self[octet: position + 1]) else { return nil }
    for place in position + 2..<position + length where self[octet: place] & 0xC0 != 0x80 { return nil }
    return length
  }
}
