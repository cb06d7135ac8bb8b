/// Tests of eight bytes at once.
///
/// Each takes a word of eight bytes and returns one in which the top bit of exactly those bytes is set that the test
/// stops at, and no other bit. No sum below carries from one byte into the next, so each byte is judged alone. A zero
/// byte is always a stop, which lets a shorter rest of a buffer be filled up with zeros.
enum ByteMask {
  /// Stops at what may not stand in a field value: control characters except the tab.
  @inline(__always)
  static func endsText(_ word: UInt64) -> UInt64 {
    let low = word & ~tops
    let controls = ~((low &+ each(0x60)) | word)
    return (controls & ~equal(word, Ascii.tab) | (low &+ each(1)) & ~word) & tops
  }

  /// Stops at what may not stand in a request target: control characters, space, `#`, and bytes from 0x7f up.
  @inline(__always)
  static func endsTarget(_ word: UInt64) -> UInt64 {
    let low = word & ~tops
    return (~(low &+ each(0x5f)) | (low &+ each(1)) | word | equal(word, 0x23)) & tops
  }

  /// Stops at the same, and at `?`.
  @inline(__always)
  static func endsPath(_ word: UInt64) -> UInt64 {
    endsTarget(word) | equal(word, Ascii.questionMark)
  }

  /// Stops at all but letters and `-`, of which most field names are made.
  @inline(__always)
  static func endsWord(_ word: UInt64) -> UInt64 {
    let low = (word | each(0x20)) & ~tops
    let letters = (low &+ each(0x1f)) & ~(low &+ each(0x05)) & ~word
    return ~(letters | equal(word, 0x2d)) & tops
  }

  private static var tops: UInt64 { 0x8080_8080_8080_8080 }

  @inline(__always)
  private static func each(_ byte: UInt8) -> UInt64 { 0x0101_0101_0101_0101 &* UInt64(byte) }

  @inline(__always)
  private static func equal(_ word: UInt64, _ byte: UInt8) -> UInt64 {
    let difference = word ^ each(byte)
    return ~((difference & ~tops &+ ~tops) | difference) & tops
  }
}
