internal import AmbitCore
internal import CAmbit

/// A job on its way from another thread to its scope's loop, and until it has ended.
final class PostedJob: @unchecked Sendable {
  private let function: ambit_job_fn
  private let argument: UnsafeMutableRawPointer?
  private let slot: ReferenceSlot

  init(_ function: @escaping ambit_job_fn, _ argument: UnsafeMutableRawPointer?, slot: ReferenceSlot) {
    self.function = function
    self.argument = argument
    self.slot = slot
  }

  /// Makes it a job of `scope`. It was promised a place, so no limit holds.
  func spawn(in scope: ScopePointer) {
    var options = JobOptions()
    options.isPosted = true
    options.onEnd = { record, _, _ in Unmanaged<PostedJob>.fromOpaque(record!).takeRetainedValue().slot.jobEnded() }
    let run: ambit_job_fn = { scope, record in
      Unmanaged<PostedJob>.fromOpaque(record!).takeUnretainedValue().run(scope)
    }
    _ = scope.spawn(run, argument: Unmanaged.passRetained(self).toOpaque(), options: options, isHeld: false)
  }

  private func run(_ scope: UnsafeMutablePointer<ambit_scope>?) -> Int32 { function(scope, argument) }
}
