internal import AmbitCore
internal import Glibc

/// State that few jobs have. It is made when it is first needed.
struct JobColdState {
  var name = OwnedText.absent
  /// The reason of the job's failure, from `ambit_fail`.
  var failure = OwnedText.absent
  /// The job has `AMBIT_JOB_ONCE` and runs, so that no other may: `endOnce` must follow.
  var runsOnce = false
  /// The last call of the job that failed; nil if none has. Owned.
  var failedCall: UnsafeMutablePointer<FailedCall>?
  /// The least size of the job's stack in bytes, if that is more than `stack_size`; else 0.
  var stackSize = 0
  /// The own timeout, in nanoseconds, of a job with `AMBIT_JOB_ONCE` that has not begun; 0: none.
  var onceTimeout: Int64 = 0
  /// The job.
  let job: JobPointer
  /// Cancels the job when its own timeout passes.
  var timeoutTimer: Timer
  /// Jobs that wait for this one to end.
  var joiners: Link
  var shieldTime = ShieldTime()
  /// Work for a thread of the pool, until the loop knows that a thread has taken it. Owned.
  var poolWork: Unmanaged<PoolWork>?
  /// The call of the job's thread that runs on the loop: a `CrossThreadCall`. Owned.
  var crossThreadCall: UnsafeMutableRawPointer?

  fileprivate init(at address: UnsafeMutablePointer<JobColdState>, job: JobPointer) {
    self.job = job
    timeoutTimer = Timer(at: address.timeoutTimer, fire: jobTimedOut)
    joiners = Link(alone: address.joinersLink)
  }
}

extension UnsafeMutablePointer<JobColdState> {
  var timeoutTimer: TimerPointer { pointer(to: \.timeoutTimer)! }
  var joinersLink: LinkPointer { pointer(to: \.joiners)! }
}

extension UnsafeMutablePointer<Job> {
  /// The job's cold state, which is made if it has none.
  func ensureColdState() -> UnsafeMutablePointer<JobColdState> {
    if let coldState = pointee.coldState { return coldState }
    let coldState = pointee.loop.pointee.freeJobColdStates.take()
    coldState.initialize(to: JobColdState(at: coldState, job: self))
    pointee.coldState = coldState
    return coldState
  }

  /// Releases the cold state. Nobody waits for the job, and no thread works for it.
  @inline(__always)
  func releaseColdState() {
    if pointee.coldState != nil { giveBackColdState() }
  }

  @inline(never)
  private func giveBackColdState() {
    forgetFailedCall()
    let coldState = pointee.coldState!
    pointee.coldState = nil
    pointee.loop.disarm(coldState.timeoutTimer)
    coldState.pointee.name.release()
    coldState.pointee.failure.release()
    pointee.loop.giveBack(coldState)
  }

  /// Cancels the job when `timeout` nanoseconds have passed, counted from now.
  func armTimeout(after timeout: Int64) { pointee.loop.arm(ensureColdState().timeoutTimer, after: timeout) }

  /// Stops the job's own timeout.
  @inline(__always)
  func disarmTimeout() {
    if let coldState = pointee.coldState { pointee.loop.disarm(coldState.timeoutTimer) }
  }
}

extension Job {
  /// Empty if it has none.
  var name: UnsafeBufferPointer<UInt8> {
    coldState?.pointee.name.bytes ?? UnsafeBufferPointer(start: nil, count: 0)
  }
}

/// The timeout of a job has passed.
private let jobTimedOut: TimerFunction = { timer in
  let coldState = timer.assumingMemoryBound(to: Timer.self).record(
    JobColdState.self, at: MemoryLayout<JobColdState>.offset(of: \.timeoutTimer)!)
  coldState.pointee.job.cancel(.deadline)
}

/// A text that a plugin gave for one of its jobs. It is kept at most as long as the job.
///
/// In a request the text lies in the scope's memory, which is soon given back. Other scopes may live as long as the
/// host and must not grow with every job, so there the text has memory of its own.
struct OwnedText: BitwiseCopyable {
  let bytes: UnsafeBufferPointer<UInt8>
  private let isOwned: Bool

  /// None.
  static var absent: OwnedText { OwnedText(lasting: UnsafeBufferPointer(start: nil, count: 0)) }

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
    self.init(owning: text)
  }

  /// A copy of `text` in memory of its own; none if there is no memory.
  init(owning text: UnsafeBufferPointer<UInt8>) {
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

// The reason of a job's failure, as the plugin gave it.

extension UnsafeMutablePointer<Job> {
  /// Keeps the reason for which the job's function did not run, in place of an earlier one.
  func noteFailure(_ reason: String) {
    var reason = reason
    reason.withUTF8 { noteFailure(UnsafeRawBufferPointer($0)) }
  }

  /// Keeps the reason that the job gave to `ambit_fail`, in place of an earlier one.
  func noteFailure(_ reason: UnsafeRawBufferPointer) {
    forgetReason()
    ensureColdState().pointee.failure = OwnedText(
      copying: reason.assumingMemoryBound(to: UInt8.self), for: pointee.scope)
  }

  /// Drops the reason.
  func forgetReason() {
    pointee.coldState?.pointee.failure.release()
    pointee.coldState?.pointee.failure = .absent
  }

  /// Drops the reason and the failed call, which do not apply to what the job does next.
  func forgetFailure() {
    forgetReason()
    forgetFailedCall()
  }

  /// Takes over the reason and the failed call of `other`, which has worked for this job.
  func takeFailure(of other: JobPointer) {
    guard let coldState = other.pointee.coldState else { return }
    forgetFailure()
    let own = ensureColdState()
    (own.pointee.failure, own.pointee.failedCall) = (coldState.pointee.failure, coldState.pointee.failedCall)
    (coldState.pointee.failure, coldState.pointee.failedCall) = (.absent, nil)
  }
}
