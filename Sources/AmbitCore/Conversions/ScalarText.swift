/// A number or boolean as text.
///
/// Integers are decimal. A floating-point number has the fewest digits that distinguish it from its neighbours, at most
/// 17 (`f32`: 9), and at least one digit after the point unless there is an exponent. Parsing the text gives the same
/// number.
public struct ScalarText: Sendable {
  /// The use of the text.
  public enum Form: Sendable {
    /// Plain text, with `nan`, `inf` and `-inf`.
    case text
    /// JSON, in which `nan`, `inf` and `-inf` become `null`.
    case json
  }

  /// The text in ASCII: the first `count` of these bytes.
  public private(set) var bytes = InlineArray<32, UInt8>(repeating: 0)
  /// The number of bytes of the text.
  public private(set) var count = 0

  /// The text of a value of a scalar type from its bits in memory, the lowest byte first. Bits above the width of the
  /// type are ignored. The text is empty for other types.
  public init(_ bits: UInt64, as type: CType, form: Form = .text) {
    switch type {
    case .bool: append(UInt8(truncatingIfNeeded: bits) == 0 ? "false" : "true")
    case .i8: append(Int64(Int8(truncatingIfNeeded: bits)))
    case .i16: append(Int64(Int16(truncatingIfNeeded: bits)))
    case .i32: append(Int64(Int32(truncatingIfNeeded: bits)))
    case .i64: append(Int64(bitPattern: bits))
    case .u8: append(magnitude: UInt64(UInt8(truncatingIfNeeded: bits)))
    case .u16: append(magnitude: UInt64(UInt16(truncatingIfNeeded: bits)))
    case .u32: append(magnitude: UInt64(UInt32(truncatingIfNeeded: bits)))
    case .u64, .size: append(magnitude: bits)
    case .f32: append(Float(bitPattern: UInt32(truncatingIfNeeded: bits)), form)
    case .f64: append(Double(bitPattern: bits), form)
    case .void, .str, .bytes, .ptr, .scope: break
    }
  }

  private mutating func append(_ text: StaticString) {
    for index in 0..<text.utf8CodeUnitCount { append(byte: text[octet: index]) }
  }

  private mutating func append(byte: UInt8) {
    bytes[count] = byte
    count += 1
  }

  private mutating func append(_ number: Int64) {
    if number < 0 { append(byte: UInt8(ascii: "-")) }
    append(magnitude: number.magnitude)
  }

  private mutating func append(magnitude: UInt64) {
    var digits = 1
    var rest = magnitude
    while rest >= 10 {
      rest /= 10
      digits += 1
    }
    rest = magnitude
    for distance in 1...digits {
      bytes[count + digits - distance] = Ascii.zero + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
    count += digits
  }

  private mutating func append<Value: BinaryFloatingPoint & CustomStringConvertible>(_ number: Value, _ form: Form) {
    if number.isFinite {
      for byte in number.description.utf8 { append(byte: byte) }
    } else if form == .json {
      append("null")
    } else if number.isNaN {
      append("nan")
    } else {
      append(number < 0 ? "-inf" : "inf")
    }
  }
}

extension ScalarText: CustomStringConvertible {
  /// The text as a string.
  public var description: String {
    String(decoding: (0..<count).map { bytes[$0] }, as: UTF8.self)
  }
}
