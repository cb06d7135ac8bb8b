internal import AmbitCore
internal import CAmbit
internal import CCrash
internal import CFiber

/// A function that a thread of the pool runs for a job, until the loop knows its result.
final class ThreadRun: @unchecked Sendable {
  typealias Function = @Sendable (UnsafeMutablePointer<ambit_scope>) -> Int32

  /// What the loop does with the result, or with `AMBIT_CANCELLED` if the run was withdrawn.
  enum Ending {
    /// It was a turn of the job, which has ended. If the run was withdrawn, the job gets a turn in which it ends.
    case endOfTurn
    /// Wakes the job that waits for the run. The result is in `code` of the run's own job.
    case wake(JobPointer)
    case call(() -> Void)
  }

  private let job: JobPointer
  private let scope: ScopePointer
  private let ending: Ending
  /// The thread makes calls as the job.
  private let callsAsJob: Bool
  /// What a crash report calls the run; nil: the kind of the job.
  private let work: StaticString?
  private let function: Function
  private var code: Int32 = 0

  /// A run of `function` for `job`, with the handle of `scope` or of the job's own scope. The job and the scope must
  /// stay until the run has ended. A crash report calls it `work`.
  init(
    of job: JobPointer, calledWith scope: ScopePointer? = nil, then ending: Ending, callsAsJob: Bool = true,
    work: StaticString? = nil, _ function: @escaping Function
  ) {
    self.work = work ?? (callsAsJob ? nil : "block")
    self.job = job
    self.scope = scope ?? job.pointee.scope
    self.ending = ending
    self.callsAsJob = callsAsJob
    self.function = function
  }

  /// The run as work for the pool. One thread runs it, once, when it has its turn in `lane`.
  func makeWork(in lane: SerialLane? = nil) -> PoolWork {
    let share = scope.pointee.generation?.pointee.use.threads
    return PoolWork(for: UInt(bitPattern: job), in: lane, owner: owner, share: share) {
      self.end(with: nil)
    } run: {
      self.run()
    }
  }

  /// On the loop.
  private var owner: WorkOwner {
    WorkOwner(
      plugin: scope.pointee.generation?.pointee.labelBytes ?? UnsafeRawBufferPointer(start: nil, count: 0),
      label: scope.pointee.label, scope: scope.pointee.id, isHandler: job.isHandler(of: scope),
      job: String(bytes: job.pointee.name))
  }

  /// On the thread.
  private func run() {
    cfiber_set_work(callsAsJob ? UnsafeMutableRawPointer(job) : nil)
    ccrash_begin_work(job, scope, work.map { UnsafeRawPointer($0.utf8Start).assumingMemoryBound(to: CChar.self) })
    if scope.pointee.generation?.pointee.usesSwift == true { SwiftThreadState.clear() }
    code = function(scope.asHandle)
    ForkedChild.endIfReturned(from: job, in: scope)
    ccrash_end_work()
    cfiber_set_work(nil)
    if case .endOfTurn = ending, job.pointee.scope.pointee.isFailFast { failEarly() }
    scope.pointee.loop.pointee.mailbox._withUnsafeGuaranteedRef { mailbox in
      _ = mailbox.post { _ in self.comeBack() }
    }
  }

  /// Cancels a fail-fast scope if the job has failed, also while another job computes on the loop. On the thread,
  /// before the loop learns of the job's end.
  private func failEarly() {
    job.pointee.loop.pointee.mailbox._withUnsafeGuaranteedRef { mailbox in
      mailbox.postUrgent { [self] _ in
        if job.outcome(code: code) == .failed { job.pointee.scope.cancel(.failed) }
      }
    }
  }

  /// The thread is done. On the loop.
  private func comeBack() {
    job.pointee.loop.pointee.busyPolling.succeed()
    job.leavePool()
    end(with: code)
  }

  /// Ends the run with the function's result, or nil if the run was withdrawn. On the loop.
  private func end(with code: Int32?) {
    switch ending {
    case .endOfTurn:
      guard let code else {
        job.pointee.state = .ready
        return job.pointee.loop.enqueue(job)
      }
      job.noteResult(code)
      job.pointee.state = .ended
      job.pointee.kind.pointee.finish(job)
    case .wake(let waiter):
      job.pointee.code = code ?? Status.cancelled.rawValue
      waiter.unblock(.ok)
    case .call(let completion): completion()
    }
  }
}
