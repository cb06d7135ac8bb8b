/// Tests sixteen bytes at once.
///
/// Each takes a block of bytes and returns a mask in which exactly those lanes are set that a scan stops at. Both
/// operands of every operation are vectors: the operators that take a single number are not made into machine vectors.
enum ByteBlock {
  typealias Stops = SIMDMask<SIMD16<Int8>>

  /// Stops at bytes that a field value may not contain: control characters except the tab.
  @inline(__always)
  static func endsText(_ block: SIMD16<UInt8>) -> Stops {
    (block .< each(Ascii.space)) .& (block .!= each(Ascii.tab)) .| (block .== each(0x7f))
  }

  /// Stops at bytes that a request target may not contain: control characters, space, `#`, and bytes from 0x7f up.
  @inline(__always)
  static func endsTarget(_ block: SIMD16<UInt8>) -> Stops {
    ((block &- each(0x21)) .>= each(0x5e)) .| (block .== each(0x23))
  }

  /// Stops at the same, and at `?`.
  @inline(__always)
  static func endsPath(_ block: SIMD16<UInt8>) -> Stops {
    endsTarget(block) .| (block .== each(Ascii.questionMark))
  }

  /// Stops at `/` and `%`.
  @inline(__always)
  static func endsSegment(_ block: SIMD16<UInt8>) -> Stops {
    (block .== each(Ascii.slash)) .| (block .== each(Ascii.percent))
  }

  /// Stops at all but letters and `-`, of which most field names are made.
  @inline(__always)
  static func endsWord(_ block: SIMD16<UInt8>) -> Stops {
    isNoLetter(block) .& (block .!= each(Ascii.hyphen))
  }

  /// Stops at all but letters, digits and `-`, of which most labels of host names are made.
  @inline(__always)
  static func endsLabel(_ block: SIMD16<UInt8>) -> Stops {
    isNoLetter(block) .& ((block &- each(Ascii.zero)) .>= each(10)) .& (block .!= each(Ascii.hyphen))
  }

  @inline(__always)
  private static func isNoLetter(_ block: SIMD16<UInt8>) -> Stops {
    ((block | each(0x20)) &- each(0x61)) .>= each(26)
  }

  @inline(__always)
  private static func each(_ byte: UInt8) -> SIMD16<UInt8> { SIMD16(repeating: byte) }
}

extension SIMDMask<SIMD16<Int8>> {
  /// Four bits for each lane, the first lane lowest: all of them set if the lane is. In one register, and without a
  /// branch: where the lanes of text stop is what a processor predicts worst.
  @inline(__always)
  var nibbles: UInt64 {
    // A lane is a byte of all ones or all zeros, and the processors that the host runs on are little-endian: of a pair
    // of lanes, moved down by four bits, the low byte has a half of each.
    let pairs = unsafe unsafeBitCast(self, to: SIMD8<UInt16>.self) &>> SIMD8(repeating: 4)
    return unsafe unsafeBitCast(pairs.lowBytes, to: UInt64.self)
  }
}

extension SIMD8<UInt16> {
  /// The low byte of each number. Written out, since it becomes two machine instructions then, and a call otherwise.
  @inline(__always)
  fileprivate var lowBytes: SIMD8<UInt8> {
    func low(_ number: UInt16) -> UInt8 { UInt8(truncatingIfNeeded: number) }
    return SIMD8<UInt8>(
      low(self[0]), low(self[1]), low(self[2]), low(self[3]), low(self[4]), low(self[5]), low(self[6]), low(self[7]))
  }
}
