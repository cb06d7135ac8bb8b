internal import AmbitCore
internal import Glibc

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

/// A text that a plugin gave for one of its jobs, kept as long as that, at most.
///
/// In a request it lies in the scope's memory, which is soon given back. Elsewhere a scope may live as long as the host,
/// and must not grow with every job in it: the text has memory of its own.
struct JobText: BitwiseCopyable {
  let bytes: UnsafeBufferPointer<UInt8>
  private let isOwned: Bool

  /// None.
  static var absent: JobText { JobText(lasting: UnsafeBufferPointer(start: nil, count: 0)) }

  private init(_ bytes: UnsafeBufferPointer<UInt8>, isOwned: Bool) {
    self.bytes = bytes
    self.isOwned = isOwned
  }

  /// A text that outlives the job by itself.
  init(lasting bytes: UnsafeBufferPointer<UInt8>) { self.init(bytes, isOwned: false) }

  /// A copy of `text` for a job of `scope`; none if there is no memory.
  init(copying text: UnsafeBufferPointer<UInt8>, for scope: ScopePointer) {
    guard scope.pointee.requestScope == nil else {
      self.init(lasting: scope.copy(UnsafeRawBufferPointer(text)))
      return
    }
    guard !text.isEmpty, let memory = malloc(text.count)?.assumingMemoryBound(to: UInt8.self) else {
      self = .absent
      return
    }
    memory.initialize(from: text.baseAddress!, count: text.count)
    self.init(UnsafeBufferPointer(start: memory, count: text.count), isOwned: true)
  }

  /// Gives its own memory back.
  func release() {
    if isOwned { free(UnsafeMutablePointer(mutating: bytes.baseAddress)) }
  }
}

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
