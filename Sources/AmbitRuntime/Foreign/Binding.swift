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

/// What a bound function comes to in checked mode once its scope has closed: it is never given back, and each call of it
/// is reported and returns zero.
final class LateCall {
  private let signature: String
  private let fields: Logger.Metadata

  private init(signature: String, fields: Logger.Metadata) {
    self.signature = signature
    self.fields = fields
  }

  /// Takes `binding` for good. On the loop of `scope`, in which it was made and which is closing.
  static func expect(of binding: Binding, in scope: ScopePointer) {
    let call = LateCall(
      signature: binding.signature.takeUnretainedValue().text,
      fields: PluginLog.fields(of: scope, job: nil, isFault: true))
    binding.function.redirect(to: reportLateCall, Unmanaged.passRetained(call).toOpaque())
  }

  /// From any thread: that of whoever calls the function.
  fileprivate func report() {
    PluginLog.write(
      .error, fields, "ambit_bind: the function of signature \"\(signature)\" was called after its scope had closed")
  }
}

private let reportLateCall: BoundFunction.Target = { call, _, _ in
  Unmanaged<LateCall>.fromOpaque(call!).takeUnretainedValue().report()
}
