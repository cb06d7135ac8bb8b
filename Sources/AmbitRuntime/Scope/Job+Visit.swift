internal import AmbitCore

// Calls from threads of the pool. A job there makes the same calls as any other: each is run on the job's loop, on a
// fiber, while the thread waits for it. So all that a loop owns is touched by the loop alone, and a wait is cancelled as
// usual.

/// A call that a thread makes, on its way to the loop and back.
private final class Visit: @unchecked Sendable {
  /// Gone before the thread is told: it lives on the thread's stack.
  var work: (() -> Void)?
  /// What the job's `finish` is to be again afterwards.
  var finish: JobBody?
  let gate = Gate<Void>()

  init(_ work: @escaping () -> Void) { self.work = work }
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
      let visit = Visit(body)
      let job = Unchecked(self)
      pointee.loop.pointee.mailbox._withUnsafeGuaranteedRef { mailbox in
        mailbox.post { _ in job.value.begin(visit) }
      }
      _ = visit.gate.wait()
    }
    return hasRun
  }

  private func begin(_ visit: Visit) {
    leavePool()
    pointee.visit = Unmanaged.passRetained(visit).toOpaque()
    pointee.body = runVisit
    visit.finish = pointee.finish
    pointee.finish = visitEnded
    if !startNow() { visitEnded(self) }
  }
}

/// What the fiber of a visit runs.
let runVisit: JobBody = { record in
  let job = record.assumingMemoryBound(to: Job.self)
  Unmanaged<Visit>.fromOpaque(job.pointee.visit!)._withUnsafeGuaranteedRef { $0.work!() }
}

/// The call is done: the thread goes on.
let visitEnded: JobBody = { record in
  let job = record.assumingMemoryBound(to: Job.self)
  let visit = Unmanaged<Visit>.fromOpaque(job.pointee.visit!).takeRetainedValue()
  job.pointee.state = .onThread
  job.pointee.finish = visit.finish!
  visit.work = nil
  visit.gate.arrive(())
}
