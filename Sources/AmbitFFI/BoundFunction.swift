internal import AmbitCore
internal import CFFI

/// A plain C function, made at run time, that calls another one with a context: a closure of libffi.
///
/// It may be called on any thread, by several at a time, from when it was made until it is released.
@unsafe
public struct BoundFunction {
  /// What such a function calls: `arguments` points to the address of each argument, `result` to eight zeroed bytes for
  /// the result.
  public typealias Target =
    @convention(c) (
      _ context: UnsafeMutableRawPointer?, _ arguments: UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
      _ result: UnsafeMutableRawPointer?
    ) -> Void

  fileprivate let closure: UnsafeMutableRawPointer
  private let result: CType
  fileprivate var target: Target
  fileprivate var context: UnsafeMutableRawPointer?
  /// What C code calls.
  public let code: CFunction
}

public typealias BoundFunctionPointer = UnsafeMutablePointer<BoundFunction>

extension BoundFunction {
  /// A function of the signature of `interface`, which outlives it; nil if the system gives no memory for code.
  public static func make(
    _ interface: CallInterface, calling target: @escaping Target, _ context: UnsafeMutableRawPointer?
  ) -> BoundFunctionPointer? {
    var code: UnsafeMutableRawPointer?
    guard let closure = unsafe ffi_closure_alloc(MemoryLayout<ffi_closure>.size, &code), let code = unsafe code else {
      return nil
    }
    let function = BoundFunctionPointer.allocate(capacity: 1)
    let status = unsafe ffi_prep_closure_loc(
      closure.assumingMemoryBound(to: ffi_closure.self), interface.cif, callTarget, function, code)
    guard status == FFI_OK else {
      unsafe ffi_closure_free(closure)
      unsafe function.deallocate()
      return nil
    }
    unsafe function.initialize(
      to: BoundFunction(
        closure: closure, result: interface.result, target: target, context: context,
        code: unsafeBitCast(code, to: CFunction.self)))
    return unsafe function
  }

  fileprivate func call(
    _ arguments: UnsafeMutablePointer<UnsafeMutableRawPointer?>?, _ result: UnsafeMutableRawPointer?
  ) {
    var bits: UInt64 = 0
    unsafe target(context, arguments, &bits)
    switch unsafe self.result {
    case .void: break
    case .f32: unsafe result?.storeBytes(of: UInt32(truncatingIfNeeded: bits), as: UInt32.self)
    // libffi takes integers that are shorter than a register as whole registers.
    default: unsafe result?.storeBytes(of: self.result.extended(bits), as: UInt64.self)
    }
  }
}

extension UnsafeMutablePointer<BoundFunction> {
  /// Lets the function call another target from now on. Nobody calls it meanwhile.
  public func redirect(to target: @escaping BoundFunction.Target, _ context: UnsafeMutableRawPointer?) {
    unsafe pointee.target = target
    unsafe pointee.context = context
  }

  /// Gives the function's memory back: nobody calls it any more.
  public func release() {
    unsafe ffi_closure_free(pointee.closure)
    unsafe deallocate()
  }
}

/// What the code of every bound function comes to.
private let callTarget:
  @convention(c) (
    UnsafeMutablePointer<ffi_cif>?, UnsafeMutableRawPointer?, UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
    UnsafeMutableRawPointer?
  ) -> Void = { _, result, arguments, record in
    unsafe record!.assumingMemoryBound(to: BoundFunction.self).pointee.call(arguments, result)
  }
