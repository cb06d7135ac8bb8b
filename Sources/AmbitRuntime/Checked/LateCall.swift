internal import AmbitFFI
internal import Logging

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
