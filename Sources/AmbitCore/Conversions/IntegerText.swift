/// A decimal integer, sign and magnitude.
struct IntegerText {
  private let isNegative: Bool
  private let magnitude: UInt64

  /// Takes `0`, or digits that do not begin with 0, after a minus sign or not; nil for anything else, and for a magnitude
  /// that 64 bits do not hold.
  init?(_ text: RawSpan) {
    var position = 0
    let isNegative = text.byteCount > 0 && text[octet: 0] == UInt8(ascii: "-")
    if isNegative { position = 1 }
    let digits = text.byteCount - position
    guard digits > 0, digits <= 20, digits == 1 || text[octet: position] != Ascii.zero else { return nil }
    var magnitude: UInt64 = 0
    while position < text.byteCount {
      let digit = text[octet: position] &- Ascii.zero
      guard digit < 10 else { return nil }
      let (shifted, overflow) = magnitude.multipliedReportingOverflow(by: 10)
      let (sum, carry) = shifted.addingReportingOverflow(UInt64(digit))
      if overflow || carry { return nil }
      magnitude = sum
      position += 1
    }
    self.isNegative = isNegative
    self.magnitude = magnitude
  }

  /// The number in two's complement of so many bits, with zeros above; nil if it does not fit.
  func signedBits(width: Int) -> UInt64? {
    let limit = UInt64(1) << UInt64(width - 1)
    guard magnitude < limit || isNegative && magnitude == limit else { return nil }
    return (isNegative ? 0 &- magnitude : magnitude) & UInt64.max >> UInt64(64 - width)
  }

  /// The number in so many bits; nil if it does not fit or has a minus sign.
  func unsignedBits(width: Int) -> UInt64? {
    isNegative || magnitude > UInt64.max >> UInt64(64 - width) ? nil : magnitude
  }
}
