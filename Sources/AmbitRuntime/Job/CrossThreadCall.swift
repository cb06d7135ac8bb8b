internal import AmbitCore
internal import AmbitSystem

// Calls from threads of the pool. A job on a thread makes the same calls as a job on a loop. Each call runs on the
// job's loop, on a fiber, while the thread waits for it. So only the loop touches what it owns, and waits are cancelled
// as usual.

/// A call that a thread makes, on its way to the loop and back.
private final class CrossThreadCall: @unchecked Sendable {
  private let job: JobPointer
  /// It lives on the thread's stack, so it is released before the thread goes on.
  var work: (() -> Void)?
  /// The kind that the job has again after the call.
  let kind: JobKindPointer
  /// Where the thread waits.
  let wakeup = Wakeup()

  init(by job: JobPointer, _ work: @escaping () -> Void) {
    self.job = job
    self.work = work
    kind = job.pointee.kind
  }

  deinit { wakeup.destroy() }

  /// Begins the call, on the loop.
  func begin() {
    job.leavePool()
    job.pointee.loop.pointee.busyPolling.succeed()
    job.ensureColdState().pointee.crossThreadCall = Unmanaged.passRetained(self).toOpaque()
    job.pointee.kind = job.pointee.loop.crossThreadCall
    if !job.startNow() { crossThreadCallEnded(job) }
  }
}

extension UnsafeMutablePointer<Job> {
  /// Runs `work` as this job on its loop, on a fiber. The calling thread, which works for this job, waits until `work`
  /// has returned. False if there was no memory for a stack, so that `work` has not run.
  func callOnLoop(_ work: () -> Void) -> Bool {
    var hasRun = false
    let body = {
      hasRun = true
      work()
    }
    withoutActuallyEscaping(body) { body in
      let call = CrossThreadCall(by: self, body)
      let isAwake = pointee.loop.pointee.mailbox._withUnsafeGuaranteedRef { mailbox in
        mailbox.post { _ in call.begin() }
      }
      call.wakeup.wait(spinningFor: isAwake ? pollingTime : 0)
    }
    return hasRun
  }
}

/// How long a thread polls before it sleeps, in nanoseconds, if its loop had nothing else to do: few calls take longer,
/// unless they wait.
private var pollingTime: Int64 { 10_000 }

extension UnsafeMutablePointer<Job> {
  /// The call that the job's thread makes.
  fileprivate var crossThreadCall: Unmanaged<CrossThreadCall> {
    .fromOpaque(pointee.coldState!.pointee.crossThreadCall!)
  }
}

/// What the fiber of the call runs.
let runCrossThreadCall: JobBody = { record in
  record.assumingMemoryBound(to: Job.self).crossThreadCall._withUnsafeGuaranteedRef { $0.work!() }
}

/// The call has returned: the thread goes on.
let crossThreadCallEnded: JobBody = { record in
  let job = record.assumingMemoryBound(to: Job.self)
  let call = job.crossThreadCall.takeRetainedValue()
  job.pointee.state = .onThread
  job.pointee.kind = call.kind
  call.work = nil
  job.pointee.loop.expectThread()
  call.wakeup.notify()
}
