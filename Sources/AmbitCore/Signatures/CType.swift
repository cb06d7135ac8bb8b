/// A type of a C signature, with its name in signatures. Pointers are passed as they are. Structures are not supported.
public enum CType: String, Sendable, CaseIterable {
  /// No value: a return type only.
  case void
  /// `bool` of C99.
  case bool
  case i8, i16, i32, i64
  case u8, u16, u32, u64
  /// `float`.
  case f32
  /// `double`.
  case f64
  /// `size_t`.
  case size
  /// `const char *`, terminated by a NUL.
  case str
  /// `const void *`; the number of bytes is another parameter.
  case bytes
  /// Any other pointer.
  case ptr
  /// `ambit_scope *`.
  case scope
}

extension CType {
  /// The size of a value in bytes on 64-bit processors; 0 for `void`.
  public var byteCount: Int {
    switch self {
    case .void: 0
    case .bool, .i8, .u8: 1
    case .i16, .u16: 2
    case .i32, .u32, .f32: 4
    case .i64, .u64, .f64, .size, .str, .bytes, .ptr, .scope: 8
    }
  }

  /// The alignment of a value in bytes.
  public var alignment: Int { max(1, byteCount) }

  /// Whether it is a signed or unsigned integer type. `bool` is not one.
  public var isInteger: Bool { isSignedInteger || isUnsignedInteger }

  /// Whether it is a signed integer type.
  public var isSignedInteger: Bool {
    switch self {
    case .i8, .i16, .i32, .i64: true
    default: false
    }
  }

  /// Whether it is an unsigned integer type.
  public var isUnsignedInteger: Bool {
    switch self {
    case .u8, .u16, .u32, .u64, .size: true
    default: false
    }
  }

  /// Whether it is `f32` or `f64`.
  public var isFloatingPoint: Bool { self == .f32 || self == .f64 }

  /// Whether it is a number or a boolean, not a pointer.
  public var isScalar: Bool { self == .bool || isInteger || isFloatingPoint }
}

/// Conversion of text to numbers and booleans. The format is that of JSON (RFC 8259, section 6), also for text from a
/// path or query: no plus sign, no blanks, no leading zeros, no hexadecimal digits, and for integers no fraction and no
/// exponent. In addition, floating-point types take `nan`, `inf` and `-inf`, and `bool` takes `1` and `0`.
extension CType {
  /// The value of a text as its bits in memory, the lowest byte first. Bits above the width of the type are zero.
  /// Integers are exact, floating-point numbers are correctly rounded.
  /// - Returns: nil if the text is malformed, if the value is out of range, or if the type has no values as text.
  public func bits(of text: RawSpan) -> UInt64? {
    switch self {
    case .bool: Self.boolean(text)
    case .i8, .i16, .i32, .i64: IntegerText(text)?.signedBits(width: byteCount * 8)
    case .u8, .u16, .u32, .u64, .size: IntegerText(text)?.unsignedBits(width: byteCount * 8)
    case .f32: FloatText.value(of: text, as: Float.self).map { UInt64($0.bitPattern) }
    case .f64: FloatText.value(of: text, as: Double.self)?.bitPattern
    case .void, .str, .bytes, .ptr, .scope: nil
    }
  }

  /// A length as the bits of an integer type; nil if the type cannot hold it.
  public func bits(ofLength length: Int) -> UInt64? {
    let largest = isSignedInteger ? UInt64.max >> UInt64(65 - byteCount * 8) : UInt64.max >> UInt64(64 - byteCount * 8)
    return isInteger && UInt64(length) <= largest ? UInt64(length) : nil
  }

  /// A description of the values of the type, for a message that begins with "expected".
  public var expectation: String {
    switch self {
    case .bool: "bool (true, false, 1 or 0)"
    case .i8, .i16, .i32, .i64:
      "\(rawValue) (\(Int64.min >> (64 - byteCount * 8)) to \(Int64.max >> (64 - byteCount * 8)))"
    case .u8, .u16, .u32, .u64, .size: "\(rawValue) (0 to \(UInt64.max >> (64 - byteCount * 8)))"
    case .f32: "f32 (a decimal number within ±\(Float.greatestFiniteMagnitude), nan, inf or -inf)"
    case .f64: "f64 (a decimal number within ±\(Double.greatestFiniteMagnitude), nan, inf or -inf)"
    case .str: "str (text without NUL)"
    case .bytes: "bytes"
    case .void, .ptr, .scope: rawValue
    }
  }

  private static func boolean(_ text: RawSpan) -> UInt64? {
    let whole = ByteRange(from: 0, to: text.byteCount)
    if text.equals(whole, "true") || text.equals(whole, "1") { return 1 }
    return text.equals(whole, "false") || text.equals(whole, "0") ? 0 : nil
  }
}
