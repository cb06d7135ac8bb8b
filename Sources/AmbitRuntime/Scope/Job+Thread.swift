internal import CFiber
internal import AmbitCore
public import CAmbit

// Jobs on threads of the pool. Such a job makes the same calls as any other: each is run on the job's loop, on a fiber,
// while the thread waits for it. So all that a loop owns is touched by the loop alone, and a wait is cancelled as usual.

extension UnsafeMutablePointer<Job> {
  /// The first turn of a job that a plugin wants on a thread.
  func startOnThread() {
    let job = Unchecked(self)
    let function = pointee.function!
    let isAccepted = runOnThread(
      { function(job.value.pointee.scope.asHandle, job.value.pointee.argument) },
      then: { code in
        job.value.noteResult(code)
        job.value.pointee.state = .ended
        job.value.pointee.finish(job.value)
      })
    if !isAccepted { end(neverRan: .limit) }
  }

  /// Runs a request's handler on a thread and waits, as this job, until it returns, cancelled or not: its result, or
  /// `AMBIT_LIMIT` if the pool takes no more. The handler's waits are cancelled with `scope`.
  public func runHandlerOnThread(_ handler: @escaping ambit_handler, in scope: ScopePointer) -> Int32 {
    let loop = pointee.loop
    let worker = loop.takeJob()
    worker.initialize(to: Job(at: worker, loop: loop, scope: scope, body: runVisit, finish: visitEnded))
    let handle = Unchecked(scope.asHandle)
    scope.pointee.handlerJob = worker
    let code = waitForThread(of: worker) { handler(handle.value) }
    scope.pointee.handlerJob = self
    loop.recycle(worker)
    return code
  }

  /// Runs `function` on a thread and waits, as this job, until it returns, cancelled or not.
  func block(
    _ function: @escaping @convention(c) (UnsafeMutableRawPointer?) -> Int32, _ argument: UnsafeMutableRawPointer?
  ) -> Int32 {
    let argument = Unchecked(argument)
    return waitForThread(of: nil) { function(argument.value) }
  }

  private func waitForThread(of worker: JobPointer?, _ work: @escaping @Sendable () -> Int32) -> Int32 {
    let job = Unchecked(self)
    let guest = worker ?? self
    prepareToBlock()
    let isAccepted = guest.runOnThread(isGuest: worker != nil, work) { code in
      guest.pointee.code = code
      job.value.unblock(.ok)
    }
    guard isAccepted else { return Status.limit.rawValue }
    guest.pointee.scope.armDeadline()
    _ = block(for: .thread)
    return guest.pointee.code
  }

  /// Runs `work` on a thread of the pool, then `completion` with its result on the loop; false if the pool takes no
  /// more. A guest is a job whose calls the thread may make.
  private func runOnThread(
    isGuest: Bool = true, _ work: @escaping @Sendable () -> Int32, then completion: @escaping (Int32) -> Void
  ) -> Bool {
    let job = Unchecked(self)
    let completion = Unchecked(completion)
    if isGuest { pointee.state = .onThread }
    let loop = pointee.loop.pointee
    return loop.pool._withUnsafeGuaranteedRef { pool in
      pool.submit { [mailbox = Unchecked(loop.mailbox)] in
        cfiber_set_guest(isGuest ? UnsafeMutableRawPointer(job.value) : nil)
        let code = work()
        cfiber_set_guest(nil)
        mailbox.value._withUnsafeGuaranteedRef { $0.post { _ in completion.value(code) } }
      }
    }
  }
}

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
    pointee.visit = Unmanaged.passRetained(visit).toOpaque()
    pointee.body = runVisit
    visit.finish = pointee.finish
    pointee.finish = visitEnded
    if !startNow() { visitEnded(self) }
  }
}

private let runVisit: JobBody = { record in
  let job = record.assumingMemoryBound(to: Job.self)
  Unmanaged<Visit>.fromOpaque(job.pointee.visit!)._withUnsafeGuaranteedRef { $0.work!() }
}

/// The call is done: the thread goes on.
private let visitEnded: JobBody = { record in
  let job = record.assumingMemoryBound(to: Job.self)
  let visit = Unmanaged<Visit>.fromOpaque(job.pointee.visit!).takeRetainedValue()
  job.pointee.state = .onThread
  job.pointee.finish = visit.finish!
  visit.work = nil
  visit.gate.arrive(())
}
