internal import AmbitCore
internal import AmbitFFI
internal import CAmbit
internal import Glibc

/// The call of a C function that a job makes, with its arguments, in memory of its own; text and bytes were copied.
struct ForeignCall {
  let function: CFunction
  let prepared: PreparedSignature
  let frame: ArgumentFrame
  /// Why the call has failed, as far as its result tells.
  var failure: Failure?

  enum Failure {
    /// A `status` other than 0.
    case status(Int32)
    /// -1, with what errno(3) was.
    case errorNumber(Int32)
  }
}

typealias ForeignCallPointer = UnsafeMutablePointer<ForeignCall>

extension UnsafeMutablePointer<ForeignCall> {
  /// Makes the call, on the job's fiber or thread: the job's code, which is what the function returned if that is `i32`
  /// or `status`, else 0.
  func perform() -> Int32 {
    let result = pointee.prepared.interface.call(pointee.function, pointee.frame)
    let meaning = pointee.prepared.signature.result
    let code = meaning.type == .i32 ? Int32(truncatingIfNeeded: result.bits) : 0
    if meaning.status, code != 0 { pointee.failure = .status(code) }
    if meaning.errno, result.bits == .max { pointee.failure = .errorNumber(result.errorNumber) }
    return code
  }

  /// How a job ended whose call came to `code`.
  func outcome(code: Int32) -> Outcome {
    if pointee.failure != nil { return .failed }
    return pointee.prepared.signature.result.errno ? .completed : Outcome(code: code)
  }

  /// What to log of a job that failed with `code`.
  func failureText(code: Int32) -> String {
    switch pointee.failure {
    case .status(let number): "returned status \(number)"
    case .errorNumber(let number): "returned -1: \(SystemError.text(number))"
    case nil: "failed with \(Status(rawValue: code))"
    }
  }

  /// Gives the call's memory back.
  func release() {
    deinitialize(count: 1)
    free(self)
  }
}

/// What a job runs whose argument is a call.
let performForeignCall: ambit_job_fn = { _, call in call!.assumingMemoryBound(to: ForeignCall.self).perform() }
