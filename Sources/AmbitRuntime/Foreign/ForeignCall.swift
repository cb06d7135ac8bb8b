internal import AmbitCore
internal import AmbitFFI
internal import AmbitSystem
internal import CAmbit
internal import Glibc
internal import Logging

/// The call of a C function that a job makes, with its arguments, in memory of its own. Text and bytes are copies.
struct ForeignCall {
  let function: CFunction
  let prepared: PreparedSignature
  let frame: ArgumentFrame
  /// Why the call has failed, as its result says; nil if it has not.
  var failure: Failure?

  enum Failure {
    /// The function has returned a `status` other than 0.
    case status(Int32)
    /// The function has returned -1; this is the value of errno(3).
    case errorNumber(Int32)
  }
}

typealias ForeignCallPointer = UnsafeMutablePointer<ForeignCall>

extension UnsafeMutablePointer<ForeignCall> {
  /// Makes the call, on the job's fiber or thread. Returns the job's code: the result of the function if its type is
  /// `i32` or `status`, else 0.
  func perform() -> Int32 {
    let result = pointee.prepared.interface.call(pointee.function, pointee.frame)
    let meaning = pointee.prepared.signature.result
    let code = meaning.type == .i32 ? Int32(truncatingIfNeeded: result.bits) : 0
    if meaning.status, code != 0 { pointee.failure = .status(code) }
    if meaning.errno, result.bits == .max { pointee.failure = .errorNumber(result.errorNumber) }
    return code
  }

  /// The outcome of a job whose call returned `code`.
  func outcome(code: Int32) -> Outcome {
    if pointee.failure != nil { return .failed }
    return pointee.prepared.signature.result.errno ? .completed : Outcome(code: code)
  }

  /// What the log says about a job that failed with `code`.
  func failureText(code: Int32) -> String {
    switch pointee.failure {
    case .status(let number): "returned status \(number)"
    case .errorNumber(let number): "returned -1: \(SystemError.text(number))"
    case nil: "failed with \(Status(rawValue: code).constant)"
    }
  }

  /// Gives the call's memory back.
  func release() {
    deinitialize(count: 1)
    free(self)
  }
}

/// The function of a job whose argument is a call.
let performForeignCall: ambit_job_fn = { _, call in call!.assumingMemoryBound(to: ForeignCall.self).perform() }

// From the arguments of `ambit_spawn_call` to a call with copied arguments.

/// Why a C function cannot be called or bound, as the end of a log line.
struct ForeignCallError: Error {
  let reason: String
}

extension ForeignCall {
  /// A call of `function`, whose signature is `prepared`, with copies of `arguments`. The caller releases it; nil if
  /// there is no memory.
  /// - Throws: the reason if the arguments do not fit the signature.
  static func make(
    _ function: @escaping CFunction, _ prepared: PreparedSignature, arguments: UnsafeBufferPointer<ambit_value>,
    scope: ScopePointer
  ) throws(ForeignCallError) -> ForeignCallPointer? {
    let parameters = prepared.signature.parameters
    guard arguments.count == parameters.count else {
      let expected = parameters.count.pluralized("argument")
      throw ForeignCallError(reason: "signature \"\(prepared.text)\": expected \(expected), found \(arguments.count)")
    }
    for index in arguments.indices where !arguments[index].fits(parameters[index].type) {
      let place = "argument \(index + 1) of \"\(prepared.text)\""
      throw ForeignCallError(
        reason: "\(place): expected \(parameters[index].type.expectation), found \(arguments[index].text)")
    }
    return build(function, prepared, arguments, scope)
  }

  private static func build(
    _ function: @escaping CFunction, _ prepared: PreparedSignature, _ arguments: UnsafeBufferPointer<ambit_value>,
    _ scope: ScopePointer
  ) -> ForeignCallPointer? {
    let frameStart = aligned(MemoryLayout<ForeignCall>.size)
    let copiesStart = frameStart + aligned(ArgumentFrame.size(count: arguments.count))
    var size = copiesStart
    for argument in arguments {
      let (sum, overflow) = size.addingReportingOverflow(argument.copySize)
      guard !overflow else { return nil }
      size = sum
    }
    guard let memory = malloc(size) else { return nil }
    let frame = ArgumentFrame(in: memory + frameStart, count: arguments.count)
    var room = memory + copiesStart
    for (index, argument) in arguments.enumerated() {
      switch prepared.signature.parameters[index].type {
      case .scope: frame.set(index, to: scope)
      case .f32: frame.set(index, to: Float(argument.as.f64))
      default: frame.set(index, to: argument.bits(copiedTo: room))
      }
      room += argument.copySize
    }
    let call = memory.bindMemory(to: ForeignCall.self, capacity: 1)
    call.initialize(to: ForeignCall(function: function, prepared: prepared, frame: frame))
    return call
  }

  fileprivate static func aligned(_ size: Int) -> Int { (size + 15) & ~15 }
}

extension ambit_value {
  /// Whether the value can be an argument of the type.
  fileprivate func fits(_ type: CType) -> Bool {
    guard reserved == 0, !isCopied || `as`.str.len >= 0 else { return false }
    switch (kind, type) {
    case (AMBIT_VALUE_NONE, .str), (AMBIT_VALUE_NONE, .bytes), (AMBIT_VALUE_NONE, .ptr), (AMBIT_VALUE_NONE, .scope),
      (AMBIT_VALUE_BOOL, .bool), (AMBIT_VALUE_FLOAT, .f32), (AMBIT_VALUE_FLOAT, .f64), (AMBIT_VALUE_BYTES, .bytes),
      (AMBIT_VALUE_PTR, .ptr):
      return true
    case (AMBIT_VALUE_STR, .str):
      return `as`.str.ptr == nil || memchr(`as`.str.ptr, 0, `as`.str.len) == nil
    case (AMBIT_VALUE_INT, _): return type.holds(`as`.i64)
    case (AMBIT_VALUE_UINT, _): return type.holds(`as`.u64)
    default: return false
    }
  }

  /// The bytes that a copy of the value's text or bytes takes, with a NUL behind it; 0 if nothing is copied, `Int.max`
  /// if no memory could hold the copy.
  fileprivate var copySize: Int {
    guard isCopied else { return 0 }
    return `as`.str.len <= .max - 16 ? ForeignCall.aligned(`as`.str.len + 1) : .max
  }

  private var isCopied: Bool { (kind == AMBIT_VALUE_STR || kind == AMBIT_VALUE_BYTES) && `as`.str.ptr != nil }

  /// The value as an argument: a number or a boolean in the lower bytes, or a pointer. Text and bytes are copied to
  /// `room`.
  fileprivate func bits(copiedTo room: UnsafeMutableRawPointer) -> UInt64 {
    switch kind {
    case AMBIT_VALUE_BOOL: return `as`.boolean ? 1 : 0
    case AMBIT_VALUE_STR, AMBIT_VALUE_BYTES:
      guard isCopied else { return 0 }
      memcpy(room, `as`.str.ptr, `as`.str.len)
      room.storeBytes(of: 0, toByteOffset: `as`.str.len, as: UInt8.self)
      return UInt64(UInt(bitPattern: room))
    case AMBIT_VALUE_NONE: return 0
    default: return `as`.u64
    }
  }

  /// For a message.
  fileprivate var text: String {
    guard reserved == 0 else { return "a value whose `reserved` is \(reserved)" }
    switch kind {
    case AMBIT_VALUE_NONE: return "none"
    case AMBIT_VALUE_BOOL: return "\(`as`.boolean)"
    case AMBIT_VALUE_INT: return "the integer \(`as`.i64)"
    case AMBIT_VALUE_UINT: return "the integer \(`as`.u64)"
    case AMBIT_VALUE_FLOAT: return "the float \(`as`.f64)"
    case AMBIT_VALUE_STR: return "a text of \(UInt(bitPattern: `as`.str.len)) bytes"
    case AMBIT_VALUE_BYTES: return "\(UInt(bitPattern: `as`.str.len)) bytes"
    case AMBIT_VALUE_PTR: return "a pointer"
    default: return "a value of the unknown kind \(kind)"
    }
  }
}

extension CType {
  /// Whether the type is an integer type that can hold the number.
  fileprivate func holds(_ number: some FixedWidthInteger) -> Bool {
    switch self {
    case .i8: Int8(exactly: number) != nil
    case .i16: Int16(exactly: number) != nil
    case .i32: Int32(exactly: number) != nil
    case .i64: Int64(exactly: number) != nil
    case .u8: UInt8(exactly: number) != nil
    case .u16: UInt16(exactly: number) != nil
    case .u32: UInt32(exactly: number) != nil
    case .u64, .size: UInt64(exactly: number) != nil
    case .void, .bool, .f32, .f64, .str, .bytes, .ptr, .scope: false
    }
  }
}

extension UnsafeMutablePointer<Scope> {
  /// Adds a job that calls `function` with copies of `arguments`. As `spawn`; besides, `.invalid`, with the reason in
  /// the log, if the text is no signature or the arguments do not fit it, and `.noMemory` if they cannot be copied.
  func spawnCall(
    _ function: CFunction?, signature: UnsafePointer<CChar>?, arguments: UnsafeBufferPointer<ambit_value>,
    options: JobOptions, isHeld: Bool
  ) -> (Status, JobPointer?) {
    do throws(ForeignCallError) {
      guard let function else { throw ForeignCallError(reason: "function: expected a C function, found NULL") }
      guard let signature else { throw ForeignCallError(reason: "signature: expected a text, found NULL") }
      let prepared = try pointee.loop.pointee.signatures.find(CString.bytes(signature), for: .job)
      let call = try ForeignCall.make(function, prepared, arguments: arguments, scope: self)
      var options = options
      if call == nil { options.error = .noMemory }
      if call != nil { options.traits.insert(.isCall) }
      return spawn(performForeignCall, argument: call, options: options, isHeld: isHeld)
    } catch {
      PluginLog.write(.error, self, job: JobPointer.ofThisThread, isFault: true, "ambit_spawn_call: \(error.reason)")
      var options = options
      options.error = .invalid.noting(error.reason, isReported: true)
      return spawn(nil, argument: nil, options: options, isHeld: false)
    }
  }
}
