internal import AmbitCore

// Calls from threads of the pool. A job there makes the same calls as any other: each is run on the job's loop, on a
// fiber, while the thread waits for it. So all that a loop owns is touched by the loop alone, and a wait is cancelled as
// usual.

/// A call that a thread makes, on its way to the loop and back.
private final class Visit: @unchecked Sendable {
  private let job: JobPointer
  /// Gone before the thread is told: it lives on the thread's stack.
  var work: (() -> Void)?
  /// What the job is to be again afterwards.
  let kind: JobKindPointer
  /// Where the thread waits.
  let parker = Parker()

  init(by job: JobPointer, _ work: @escaping () -> Void) {
    self.job = job
    self.work = work
    kind = job.pointee.kind
  }

  deinit { parker.destroy() }

  /// Begins the call, on the loop.
  func begin() {
    job.leavePool()
    job.pointee.loop.pointee.lookout.succeed()
    job.attach().pointee.visit = Unmanaged.passRetained(self).toOpaque()
    job.pointee.kind = job.pointee.loop.visit
    if !job.startNow() { visitEnded(job) }
  }
}

extension UnsafeMutablePointer<Job> {
  /// Runs `work` on the job's loop, on a fiber, as the job that runs there; the calling thread, whose guest this job is,
  /// waits for it. False if there was no stack for it.
  func visitLoop(_ work: () -> Void) -> Bool {
    var hasRun = false
    let body = {
      hasRun = true
      work()
    }
    withoutActuallyEscaping(body) { body in
      let visit = Visit(by: self, body)
      let isAwake = pointee.loop.pointee.mailbox._withUnsafeGuaranteedRef { mailbox in
        mailbox.post { _ in visit.begin() }
      }
      visit.parker.park(patience: isAwake ? answerPatience : 0)
    }
    return hasRun
  }
}

/// For so long a thread stays awake, in nanoseconds, when a loop that has nothing else to do has its call: few take longer
/// that do not wait.
private var answerPatience: Int64 { 10_000 }

/// What the fiber of a visit runs.
let runVisit: JobBody = { record in
  let job = record.assumingMemoryBound(to: Job.self)
  Unmanaged<Visit>.fromOpaque(job.pointee.attachments!.pointee.visit!)._withUnsafeGuaranteedRef { $0.work!() }
}

/// The call is done: the thread goes on.
let visitEnded: JobBody = { record in
  let job = record.assumingMemoryBound(to: Job.self)
  let visit = Unmanaged<Visit>.fromOpaque(job.pointee.attachments!.pointee.visit!).takeRetainedValue()
  job.pointee.state = .onThread
  job.pointee.kind = visit.kind
  visit.work = nil
  job.pointee.loop.expectThread()
  visit.parker.unpark()
}
