internal import AmbitCore
internal import AmbitFFI
internal import Logging

// `ambit_bind`: plain C functions that call a plugin's function with a context, as long as their scope lives.

/// A function bound in a scope, in the scope's memory.
struct Binding: BitwiseCopyable {
  let function: BoundFunctionPointer
  /// Owned.
  let signature: Unmanaged<PreparedSignature>
  let earlier: UnsafeMutablePointer<Binding>?
}

extension UnsafeMutablePointer<Scope> {
  /// A C function of the given signature that calls `target` with `context`, until the scope closes. `.invalid`, with
  /// the reason in the log, if the text is no signature.
  func bind(
    signature: UnsafePointer<CChar>?, to target: BoundFunction.Target?, _ context: UnsafeMutableRawPointer?
  ) -> (Status, CFunction?) {
    do throws(ForeignCallError) {
      guard let target else { throw ForeignCallError(reason: "fn: expected a function, found NULL") }
      guard let text = signature else { throw ForeignCallError(reason: "signature: expected a text, found NULL") }
      let signature = try pointee.loop.pointee.signatures.find(CString.bytes(text), for: .callback)
      return bind(signature, to: target, context)
    } catch {
      PluginLog.write(.error, self, job: JobPointer.ofThisThread, isFault: true, "ambit_bind: \(error.reason)")
      return (.invalid(because: error.reason), nil)
    }
  }

  private func bind(
    _ signature: PreparedSignature, to target: @escaping BoundFunction.Target, _ context: UnsafeMutableRawPointer?
  ) -> (Status, CFunction?) {
    guard pointee.state != .closed else { return (.closed, nil) }
    guard let coldState = ensureColdState(),
      let function = BoundFunction.make(signature.interface, calling: target, context)
    else { return (.noMemory, nil) }
    let earlier = coldState.pointee.lastBinding
    let signature = Unmanaged.passRetained(signature)
    let (status, binding) = makeWithinLimit(Binding(function: function, signature: signature, earlier: earlier))
    guard let binding else {
      function.release()
      signature.release()
      return (status, nil)
    }
    coldState.pointee.lastBinding = binding
    return (.ok, function.pointee.code)
  }

  /// Releases the functions that were bound in the scope. In checked mode they stay and report their calls. Nothing of
  /// the scope runs any more.
  func releaseBindings(of coldState: UnsafeMutablePointer<ScopeColdState>) {
    while let binding = coldState.pointee.lastBinding {
      coldState.pointee.lastBinding = binding.pointee.earlier
      if pointee.loop.pointee.isChecked {
        UseAfterClose.expect(of: binding.pointee, in: self)
      } else {
        binding.pointee.function.release()
        binding.pointee.signature.release()
      }
    }
  }
}

/// A bound function in checked mode after its scope has closed. It is never released; each call is reported and returns
/// 0.
final class UseAfterClose {
  private let signature: String
  private let fields: Logger.Metadata

  private init(signature: String, fields: Logger.Metadata) {
    self.signature = signature
    self.fields = fields
  }

  /// Takes over `binding`, which was made in `scope`. On the scope's loop, while the scope closes.
  static func expect(of binding: Binding, in scope: ScopePointer) {
    let call = UseAfterClose(
      signature: binding.signature.takeUnretainedValue().text,
      fields: PluginLog.fields(of: scope, job: nil, isFault: true))
    binding.function.redirect(to: reportUseAfterClose, Unmanaged.passRetained(call).toOpaque())
  }

  /// Reports a call. From any thread.
  fileprivate func report() {
    PluginLog.write(
      .error, fields, "ambit_bind: the function of signature \"\(signature)\" was called after its scope had closed")
  }
}

private let reportUseAfterClose: BoundFunction.Target = { call, _, _ in
  Unmanaged<UseAfterClose>.fromOpaque(call!).takeUnretainedValue().report()
}
