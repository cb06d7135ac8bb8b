internal import AmbitCore
internal import CFFI

extension CType {
  /// What libffi calls the type.
  var ffiType: UnsafeMutablePointer<ffi_type> {
    switch self {
    case .void: cffi_void()
    case .i8: cffi_sint8()
    case .i16: cffi_sint16()
    case .i32: cffi_sint32()
    case .i64: cffi_sint64()
    case .bool, .u8: cffi_uint8()
    case .u16: cffi_uint16()
    case .u32: cffi_uint32()
    case .u64, .size: cffi_uint64()
    case .f32: cffi_float()
    case .f64: cffi_double()
    case .str, .bytes, .ptr, .scope: cffi_pointer()
    }
  }

  /// The value whose first bytes `bits` holds, as 64 bits: integers extended by their sign or by zeros, all else with
  /// what lies beyond the type's size cleared.
  func extended(_ bits: UInt64) -> UInt64 {
    switch self {
    case .void: 0
    case .i8: UInt64(bitPattern: Int64(Int8(truncatingIfNeeded: bits)))
    case .i16: UInt64(bitPattern: Int64(Int16(truncatingIfNeeded: bits)))
    case .i32: UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: bits)))
    case .bool, .u8: bits & 0xff
    case .u16: bits & 0xffff
    case .u32, .f32: bits & 0xffff_ffff
    case .i64, .u64, .size, .f64, .str, .bytes, .ptr, .scope: bits
    }
  }
}
