// Why a job has failed, as its plugin says.

extension UnsafeMutablePointer<Job> {
  /// Keeps what the job gave `ambit_fail` as the reason of its failure, instead of an earlier one.
  func noteFailure(_ reason: UnsafeRawBufferPointer) {
    forgetFailure()
    attach().pointee.failure = JobText(copying: reason.assumingMemoryBound(to: UInt8.self), for: pointee.scope)
  }

  /// The reason is not that of what the job does next.
  func forgetFailure() {
    pointee.attachments?.pointee.failure.release()
    pointee.attachments?.pointee.failure = .absent
  }

  /// Takes over the reason of `other`, which has worked for this job.
  func takeFailure(of other: JobPointer) {
    guard let attachments = other.pointee.attachments else { return }
    forgetFailure()
    attach().pointee.failure = attachments.pointee.failure
    attachments.pointee.failure = .absent
  }

  /// What the job gave `ambit_fail` as the reason, as the end of a log line; empty if it gave none.
  public var failureText: String {
    guard let reason = pointee.attachments?.pointee.failure.bytes, !reason.isEmpty else { return "" }
    return ": \(String(bytes: reason))"
  }
}
