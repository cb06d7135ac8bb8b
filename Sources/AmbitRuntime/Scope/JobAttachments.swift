internal import AmbitCore

/// What few jobs have, made when the first of it is asked for.
struct JobAttachments {
  var name = JobText.absent
  /// What it gave `ambit_fail` as the reason of its own failure.
  var failure = JobText.absent
  /// Bytes that its stack is to have at least, if that is more than `stack_size`; else 0.
  var stackSize = 0
  /// The job.
  let job: JobPointer
  /// Cancels the job when its own timeout passes.
  var timeoutTimer: Timer
  /// Jobs that wait for this one to end.
  var joiners: Link
  var grace = Grace()
  /// What a thread of the pool is to run for the job, as long as the loop does not know that one does. Owned.
  var poolWork: Unmanaged<PoolWork>?
  /// The call from its thread that runs on the loop.
  var visit: UnsafeMutableRawPointer?

  fileprivate init(at address: UnsafeMutablePointer<JobAttachments>, job: JobPointer) {
    self.job = job
    timeoutTimer = Timer(at: address.timeoutTimer, fire: jobTimedOut)
    joiners = Link(alone: address.joinersLink)
  }
}

extension UnsafeMutablePointer<JobAttachments> {
  var timeoutTimer: TimerPointer { pointer(to: \.timeoutTimer)! }
  var joinersLink: LinkPointer { pointer(to: \.joiners)! }
}

extension UnsafeMutablePointer<Job> {
  /// The job's attachments, made if it has none.
  func attach() -> UnsafeMutablePointer<JobAttachments> {
    if let attachments = pointee.attachments { return attachments }
    let attachments = pointee.loop.pointee.freeJobAttachments.take()
    attachments.initialize(to: JobAttachments(at: attachments, job: self))
    pointee.attachments = attachments
    return attachments
  }

  /// Lets go of the attachments. Nobody waits for the job, and no thread works for it.
  @inline(__always)
  func detach() {
    if pointee.attachments != nil { giveBackAttachments() }
  }

  @inline(never)
  private func giveBackAttachments() {
    let attachments = pointee.attachments!
    pointee.attachments = nil
    pointee.loop.disarm(attachments.timeoutTimer)
    attachments.pointee.name.release()
    attachments.pointee.failure.release()
    pointee.loop.giveBack(attachments)
  }

  /// Cancels the job when `timeout` nanoseconds have passed, counted from now.
  func armTimeout(after timeout: Int64) { pointee.loop.arm(attach().timeoutTimer, after: timeout) }

  /// Keeps the job's own timeout from cancelling it.
  @inline(__always)
  func disarmTimeout() {
    if let attachments = pointee.attachments { pointee.loop.disarm(attachments.timeoutTimer) }
  }
}

extension Job {
  /// Empty if it has none.
  var name: UnsafeBufferPointer<UInt8> {
    attachments?.pointee.name.bytes ?? UnsafeBufferPointer(start: nil, count: 0)
  }
}

/// The timeout of a job has passed.
private let jobTimedOut: TimerFunction = { timer in
  let attachments = timer.assumingMemoryBound(to: Timer.self).record(
    JobAttachments.self, at: MemoryLayout<JobAttachments>.offset(of: \.timeoutTimer)!)
  attachments.pointee.job.cancel(.deadline)
}
