internal import AmbitCore
internal import AmbitFFI
internal import Logging

// Plain C functions that lead to a plugin's own with a context, as long as their scope lives.

/// A function bound in a scope, in the scope's memory.
struct Binding: BitwiseCopyable {
  let function: BoundFunctionPointer
  /// Owned.
  let signature: Unmanaged<PreparedSignature>
  let earlier: UnsafeMutablePointer<Binding>?
}

extension UnsafeMutablePointer<Scope> {
  /// A C function of that signature which calls `target` with `context`, until the scope closes; `.invalid`, with the
  /// reason in the log, if the signature is none.
  func bind(
    signature: UnsafePointer<CChar>?, to target: BoundFunction.Target?, _ context: UnsafeMutableRawPointer?
  ) -> (Status, CFunction?) {
    do throws(ForeignCallRefusal) {
      guard let target else { throw ForeignCallRefusal(reason: "fn: expected a function, found NULL") }
      guard let text = signature else { throw ForeignCallRefusal(reason: "signature: expected a text, found NULL") }
      let signature = try pointee.loop.pointee.signatures.find(CString.bytes(text), for: .callback)
      return bind(signature, to: target, context)
    } catch {
      PluginLog.write(.error, self, job: CallSite.job, isFault: true, "ambit_bind: \(error.reason)")
      return (.invalid, nil)
    }
  }

  private func bind(
    _ signature: PreparedSignature, to target: @escaping BoundFunction.Target, _ context: UnsafeMutableRawPointer?
  ) -> (Status, CFunction?) {
    guard pointee.state != .closed else { return (.closed, nil) }
    guard let attachments = attach(),
      let function = BoundFunction.make(signature.interface, calling: target, context)
    else { return (.noMemory, nil) }
    let earlier = attachments.pointee.lastBinding
    let signature = Unmanaged.passRetained(signature)
    guard let binding = make(Binding(function: function, signature: signature, earlier: earlier)) else {
      function.release()
      signature.release()
      return (.noMemory, nil)
    }
    attachments.pointee.lastBinding = binding
    return (.ok, function.pointee.code)
  }

  /// Releases what was bound in the scope; in checked mode it stays, to report who calls it. Nothing of the scope runs
  /// any more.
  func releaseBindings(of attachments: UnsafeMutablePointer<Attachments>) {
    while let binding = attachments.pointee.lastBinding {
      attachments.pointee.lastBinding = binding.pointee.earlier
      if pointee.loop.pointee.isChecked {
        LateCall.expect(of: binding.pointee, in: self)
      } else {
        binding.pointee.function.release()
        binding.pointee.signature.release()
      }
    }
  }
}
