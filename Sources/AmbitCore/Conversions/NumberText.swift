/// A decimal number in the format of JSON (RFC 8259, section 6), before it is rounded to a floating-point type.
struct FloatText {
  /// The longest text of a number. The exact value of any `f64` fits.
  static let maximumLength = 1100

  private var isNegative = false
  /// The first 19 significant digits without the point.
  private var digits: UInt64 = 0
  private var significantDigits = 0
  /// The power of ten by which the digits are multiplied.
  private var exponent = 0

  /// The number closest to the value of the text; the even one of two equally close numbers.
  /// - Returns: nil if the text is not a number, or if the type has no finite number for it. A value that is closest to
  ///   zero becomes zero.
  static func value<Value: BinaryFloatingPoint & LosslessStringConvertible>(
    of text: RawSpan, as type: Value.Type
  ) -> Value? {
    if let special = special(text, as: type) { return special }
    guard let number = FloatText(text) else { return nil }
    return number.exactly(as: type) ?? rounded(text, as: type)
  }

  private static func special<Value: BinaryFloatingPoint>(_ text: RawSpan, as type: Value.Type) -> Value? {
    let whole = ByteRange(from: 0, to: text.byteCount)
    if text.equals(whole, "nan") { return .nan }
    if text.equals(whole, "inf") { return .infinity }
    return text.equals(whole, "-inf") ? -.infinity : nil
  }

  /// The number, if its digits and its power of ten are exact in the type: then one operation rounds once. Else nil.
  private func exactly<Value: BinaryFloatingPoint>(as type: Value.Type) -> Value? {
    let precision = Value.significandBitCount + 1
    // Powers of ten up to this one are exact, since 5 to that power has at most as many bits as the significand.
    let largestPower = precision == 53 ? 22 : 10
    guard significantDigits <= 19, digits <= UInt64(1) << UInt64(precision), abs(exponent) <= largestPower
    else { return nil }
    var power: Value = 1
    for _ in 0..<abs(exponent) { power *= 10 }
    let magnitude = exponent < 0 ? Value(digits) / power : Value(digits) * power
    return isNegative ? -magnitude : magnitude
  }

  /// The slow way. The standard library rounds any number of digits correctly.
  private static func rounded<Value: BinaryFloatingPoint & LosslessStringConvertible>(
    _ text: RawSpan, as type: Value.Type
  ) -> Value? {
    let bytes = (0..<text.byteCount).map { text[octet: $0] }
    guard let value = Value(String(decoding: bytes, as: UTF8.self)), value.isFinite else { return nil }
    return value
  }
}

extension FloatText {
  /// Parses the whole text: an optional minus sign, digits, an optional fraction, an optional exponent.
  private init?(_ text: RawSpan) {
    guard text.byteCount <= Self.maximumLength else { return nil }
    var position = 0
    if text.has(UInt8(ascii: "-"), at: position) {
      isNegative = true
      position += 1
    }
    let beginsWithZero = text.has(Ascii.zero, at: position)
    let whole = take(text, &position)
    guard whole == 1 || whole > 1 && !beginsWithZero else { return nil }
    if text.has(Ascii.dot, at: position) {
      position += 1
      let fraction = take(text, &position)
      guard fraction > 0 else { return nil }
      exponent -= fraction
    }
    if text.has(UInt8(ascii: "e"), at: position) || text.has(UInt8(ascii: "E"), at: position) {
      position += 1
      guard takeExponent(text, &position) else { return nil }
    }
    guard position == text.byteCount else { return nil }
  }

  /// Reads digits and returns their number.
  private mutating func take(_ text: RawSpan, _ position: inout Int) -> Int {
    let start = position
    while let digit = text.digit(at: position) {
      if significantDigits > 0 || digit > 0 { significantDigits += 1 }
      if significantDigits <= 19 { digits = digits * 10 + UInt64(digit) }
      position += 1
    }
    return position - start
  }

  /// Reads the exponent after the `e`. A value beyond the range of all types is clamped, and the slow way handles it.
  private mutating func takeExponent(_ text: RawSpan, _ position: inout Int) -> Bool {
    let isNegative = text.has(UInt8(ascii: "-"), at: position)
    if isNegative || text.has(UInt8(ascii: "+"), at: position) { position += 1 }
    guard text.digit(at: position) != nil else { return false }
    var written = 0
    while let digit = text.digit(at: position) {
      written = min(written * 10 + Int(digit), 1_000_000)
      position += 1
    }
    exponent += isNegative ? -written : written
    return true
  }
}

extension RawSpan {
  @inline(__always)
  fileprivate func has(_ byte: UInt8, at position: Int) -> Bool {
    position < byteCount && self[octet: position] == byte
  }

  @inline(__always)
  fileprivate func digit(at position: Int) -> UInt8? {
    guard position < byteCount else { return nil }
    let digit = self[octet: position] &- Ascii.zero
    return digit < 10 ? digit : nil
  }
}

/// A decimal integer as sign and magnitude.
struct IntegerText {
  private let isNegative: Bool
  private let magnitude: UInt64

  /// Parses an optional minus sign, then `0` or digits that do not begin with 0; nil for other texts, and for a
  /// magnitude that does not fit in 64 bits.
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

  /// The number in two's complement of `width` bits, with zeros above; nil if it does not fit.
  func signedBits(width: Int) -> UInt64? {
    let limit = UInt64(1) << UInt64(width - 1)
    guard magnitude < limit || isNegative && magnitude == limit else { return nil }
    return (isNegative ? 0 &- magnitude : magnitude) & UInt64.max >> UInt64(64 - width)
  }

  /// The number in `width` bits; nil if it does not fit or has a minus sign.
  func unsignedBits(width: Int) -> UInt64? {
    isNegative || magnitude > UInt64.max >> UInt64(64 - width) ? nil : magnitude
  }
}
