/// A type of a C signature, named as signatures write it. Pointers are passed as they are; there are no structures.
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
  /// `const void *`; how many bytes there are is another parameter.
  case bytes
  /// Any pointer that the host knows nothing about.
  case ptr
  /// `ambit_scope *`.
  case scope
}

extension CType {
  /// What a value occupies, in bytes, on the 64-bit processors that the host runs on; 0 for `void`.
  public var byteCount: Int {
    switch self {
    case .void: 0
    case .bool, .i8, .u8: 1
    case .i16, .u16: 2
    case .i32, .u32, .f32: 4
    case .i64, .u64, .f64, .size, .str, .bytes, .ptr, .scope: 8
    }
  }

  /// What the address of a value is a multiple of, in bytes.
  public var alignment: Int { max(1, byteCount) }

  /// Whether it is an integer type, with or without a sign; `bool` is not.
  public var isInteger: Bool { isSignedInteger || isUnsignedInteger }

  /// Whether it is an integer type with a sign.
  public var isSignedInteger: Bool {
    switch self {
    case .i8, .i16, .i32, .i64: true
    default: false
    }
  }

  /// Whether it is an integer type without a sign.
  public var isUnsignedInteger: Bool {
    switch self {
    case .u8, .u16, .u32, .u64, .size: true
    default: false
    }
  }

  /// Whether it is `f32` or `f64`.
  public var isFloatingPoint: Bool { self == .f32 || self == .f64 }

  /// Whether it is a number or a boolean: a value that is no pointer.
  public var isScalar: Bool { self == .bool || isInteger || isFloatingPoint }
}
