/// A decimal number as JSON writes it (RFC 8259, section 6), before it is rounded to a floating point type.
struct FloatText {
  /// The longest text that is read. The exact value of any `f64` fits, to the last of its digits.
  static let maximumLength = 1100

  private var isNegative = false
  /// The digits without the point, as long as 19 of them are enough.
  private var digits: UInt64 = 0
  private var significantDigits = 0
  /// The power of ten to multiply the digits by.
  private var exponent = 0

  /// The number closest to what the text says, of two equally close ones the even one.
  /// - Returns: nil if the text is no number, or if it is beyond the type's finite numbers. What is closer to zero than
  ///   to any other number is zero.
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

  /// Few digits and a small power of ten are exact in the type, and so one operation rounds once.
  private func exactly<Value: BinaryFloatingPoint>(as type: Value.Type) -> Value? {
    let precision = Value.significandBitCount + 1
    // The powers of ten up to here are exact: 5 to that power has at most as many bits as the significand.
    let largestPower = precision == 53 ? 22 : 10
    guard significantDigits <= 19, digits <= UInt64(1) << UInt64(precision), abs(exponent) <= largestPower
    else { return nil }
    var power: Value = 1
    for _ in 0..<abs(exponent) { power *= 10 }
    let magnitude = exponent < 0 ? Value(digits) / power : Value(digits) * power
    return isNegative ? -magnitude : magnitude
  }

  /// The standard library rounds correctly whatever the number of digits.
  private static func rounded<Value: BinaryFloatingPoint & LosslessStringConvertible>(
    _ text: RawSpan, as type: Value.Type
  ) -> Value? {
    let bytes = (0..<text.byteCount).map { text[octet: $0] }
    guard let value = Value(String(decoding: bytes, as: UTF8.self)), value.isFinite else { return nil }
    return value
  }
}

extension FloatText {
  /// Reads the whole text: a minus sign or none, digits, a fraction or none, an exponent or none.
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

  /// Reads digits and returns how many there were.
  private mutating func take(_ text: RawSpan, _ position: inout Int) -> Int {
    let start = position
    while let digit = text.digit(at: position) {
      if significantDigits > 0 || digit > 0 { significantDigits += 1 }
      if significantDigits <= 19 { digits = digits * 10 + UInt64(digit) }
      position += 1
    }
    return position - start
  }

  /// Reads what follows the `e`. An exponent beyond any type's is cut, and left to the slow way.
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
