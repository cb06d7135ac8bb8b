internal import AmbitCore
internal import AmbitFFI
internal import CAmbit
internal import Logging

extension UnsafeMutablePointer<Scope> {
  /// Adds a job that calls `function` with copies of `arguments`; as `spawn`, and `.invalid`, with the reason in the log,
  /// if the signature is none or the arguments do not fit it; `.noMemory` if there is none to copy them to.
  func spawnCall(
    _ function: CFunction?, signature: UnsafePointer<CChar>?, arguments: UnsafeBufferPointer<ambit_value>,
    options: JobOptions, isHeld: Bool
  ) -> (Status, JobPointer?) {
    do throws(ForeignCallRefusal) {
      guard let function else { throw ForeignCallRefusal(reason: "function: expected a C function, found NULL") }
      guard let signature else { throw ForeignCallRefusal(reason: "signature: expected a text, found NULL") }
      let prepared = try pointee.loop.pointee.signatures.find(CString.bytes(signature), for: .job)
      let call = try ForeignCall.make(function, prepared, arguments: arguments, scope: self)
      var options = options
      if call == nil { options.refusal = .noMemory }
      options.isCall = call != nil
      return spawn(performForeignCall, argument: call, options: options, isHeld: isHeld)
    } catch {
      PluginLog.write(.error, self, job: CallSite.job, isFault: true, "ambit_spawn_call: \(error.reason)")
      return spawn(nil, argument: nil, options: options, isHeld: false)
    }
  }
}
