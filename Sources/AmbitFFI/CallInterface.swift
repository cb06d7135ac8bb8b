public import AmbitCore
internal import CFFI
internal import Glibc

/// Any C function. What it takes and returns is in the signature it goes with.
public typealias CFunction = @convention(c) () -> Void

/// How functions of one C signature are called: what libffi needs to know of it, worked out once.
///
/// Any number of calls may use it at a time, on any threads. Who made it releases it, once nobody uses it any more.
@unsafe
public struct CallInterface {
  let cif: UnsafeMutablePointer<ffi_cif>
  public let result: CType
  public let parameterCount: Int

  /// Works the interface out; the only allocation that a signature needs.
  public init(result: CType, parameters: [CType]) {
    let cifSize = unsafe (MemoryLayout<ffi_cif>.size + 15) & ~15
    let pointerSize = unsafe MemoryLayout<UnsafeMutablePointer<ffi_type>>.stride
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: cifSize + parameters.count * pointerSize, alignment: 16)
    let types = unsafe (memory + cifSize).bindMemory(
      to: UnsafeMutablePointer<ffi_type>?.self, capacity: parameters.count)
    for (index, parameter) in parameters.enumerated() {
      unsafe (types + index).initialize(to: parameter.ffiType)
    }
    unsafe cif = memory.bindMemory(to: ffi_cif.self, capacity: 1)
    unsafe cif.initialize(to: ffi_cif())
    let status = unsafe ffi_prep_cif(cif, FFI_DEFAULT_ABI, UInt32(parameters.count), result.ffiType, types)
    precondition(status == FFI_OK, "libffi refused scalar types: status \(status.rawValue)")
    unsafe self.result = result
    unsafe parameterCount = parameters.count
  }

  /// The interface of a signature.
  public init(_ signature: CSignature) {
    unsafe self.init(result: signature.result.type, parameters: signature.parameters.map(\.type))
  }

  /// Gives its memory back.
  public func release() { unsafe UnsafeMutableRawPointer(cif).deallocate() }

  /// Calls `function` with the arguments of `frame`, on this thread or fiber; returns when it does.
  ///
  /// If the function's type is not this one, the behaviour is undefined, as in C.
  @inline(__always)
  public func call(_ function: CFunction, _ frame: ArgumentFrame) -> CallResult {
    // Room for any scalar: libffi writes integers that are shorter than a register as whole registers.
    var bits: UInt64 = 0
    errno = 0
    unsafe ffi_call(cif, function, &bits, frame.addresses)
    let errorNumber = errno
    return unsafe CallResult(bits: result.extended(bits), errorNumber: errorNumber)
  }
}

/// What a C function has returned.
public struct CallResult {
  /// An integer, a boolean or a pointer extended to 64 bits by its sign or by zeros; the bit pattern of an `f64`, and
  /// that of an `f32` in the lower half; 0 for `void`.
  public var bits: UInt64
  /// What the function left in `errno`, which was 0 before: errno(3).
  public let errorNumber: Int32

  init(bits: UInt64, errorNumber: Int32) {
    self.bits = bits
    self.errorNumber = errorNumber
  }

  /// What a function has returned that was not called yet: 0.
  public init() { self.init(bits: 0, errorNumber: 0) }
}

/// The arguments of one call, in memory that somebody else owns: for each a slot of eight bytes, which holds any
/// scalar, and where libffi finds it.
@unsafe
public struct ArgumentFrame {
  let slots: UnsafeMutablePointer<UInt64>
  let addresses: UnsafeMutablePointer<UnsafeMutableRawPointer?>

  /// The bytes a frame takes for so many arguments.
  @inline(__always)
  public static func size(count: Int) -> Int {
    unsafe count * (MemoryLayout<UInt64>.size + MemoryLayout<UnsafeRawPointer>.size)
  }

  /// A frame for `count` arguments, each 0, in `memory`, which is aligned to 8 and has `size(count:)` bytes.
  @inline(__always)
  public init(in memory: UnsafeMutableRawPointer, count: Int) {
    unsafe slots = memory.bindMemory(to: UInt64.self, capacity: count)
    unsafe addresses = UnsafeMutableRawPointer(slots + count).bindMemory(
      to: UnsafeMutableRawPointer?.self, capacity: count)
    for index in 0..<count {
      unsafe (slots + index).initialize(to: 0)
      unsafe (addresses + index).initialize(to: UnsafeMutableRawPointer(slots + index))
    }
  }

  /// Sets an argument; `value` is of the C type of its parameter.
  @inline(__always)
  public func set<Value: BitwiseCopyable>(_ index: Int, to value: Value) {
    unsafe UnsafeMutableRawPointer(slots + index).storeBytes(of: value, as: Value.self)
  }
}

extension CType {
  /// What libffi calls the type.
  var ffiType: UnsafeMutablePointer<ffi_type> {
    switch self {
    case .void: unsafe cffi_void()
    case .i8: unsafe cffi_sint8()
    case .i16: unsafe cffi_sint16()
    case .i32: unsafe cffi_sint32()
    case .i64: unsafe cffi_sint64()
    case .bool, .u8: unsafe cffi_uint8()
    case .u16: unsafe cffi_uint16()
    case .u32: unsafe cffi_uint32()
    case .u64, .size: unsafe cffi_uint64()
    case .f32: unsafe cffi_float()
    case .f64: unsafe cffi_double()
    case .str, .bytes, .ptr, .scope: unsafe cffi_pointer()
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
