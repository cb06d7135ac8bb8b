public import AmbitCore
internal import CFFI
internal import Glibc

/// Any C function. What it takes and returns is in the signature it goes with.
public typealias CFunction = @convention(c) () -> Void

/// How functions of one C signature are called: what libffi needs to know of it, worked out once.
///
/// Any number of calls may use it at a time, on any threads. Who made it releases it, once nobody uses it any more.
public struct CallInterface {
  let cif: UnsafeMutablePointer<ffi_cif>
  public let result: CType
  public let parameterCount: Int

  /// Works the interface out; the only allocation that a signature needs.
  public init(result: CType, parameters: [CType]) {
    let cifSize = (MemoryLayout<ffi_cif>.size + 15) & ~15
    let pointerSize = MemoryLayout<UnsafeMutablePointer<ffi_type>>.stride
    let memory = UnsafeMutableRawPointer.allocate(byteCount: cifSize + parameters.count * pointerSize, alignment: 16)
    let types = (memory + cifSize).bindMemory(to: UnsafeMutablePointer<ffi_type>?.self, capacity: parameters.count)
    for (index, parameter) in parameters.enumerated() { (types + index).initialize(to: parameter.ffiType) }
    cif = memory.bindMemory(to: ffi_cif.self, capacity: 1)
    cif.initialize(to: ffi_cif())
    let status = ffi_prep_cif(cif, FFI_DEFAULT_ABI, UInt32(parameters.count), result.ffiType, types)
    precondition(status == FFI_OK, "libffi refused scalar types: status \(status.rawValue)")
    self.result = result
    parameterCount = parameters.count
  }

  /// The interface of a signature.
  public init(_ signature: CSignature) {
    self.init(result: signature.result.type, parameters: signature.parameters.map(\.type))
  }

  /// Gives its memory back.
  public func release() { UnsafeMutableRawPointer(cif).deallocate() }

  /// Calls `function` with the arguments of `frame`, on this thread or fiber; returns when it does.
  ///
  /// If the function's type is not this one, the behaviour is undefined, as in C.
  @inline(__always)
  public func call(_ function: CFunction, _ frame: ArgumentFrame) -> CallResult {
    // Room for any scalar: libffi writes integers that are shorter than a register as whole registers.
    var bits: UInt64 = 0
    errno = 0
    ffi_call(cif, function, &bits, frame.addresses)
    let errorNumber = errno
    return CallResult(bits: result.extended(bits), errorNumber: errorNumber)
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
