internal import AmbitCore
internal import CAmbit
internal import CCrash
internal import CFiber

/// What a thread of the pool runs for a job, from when it is handed in until the loop knows what it came to.
final class ThreadRun: @unchecked Sendable {
  typealias Function = @Sendable (UnsafeMutablePointer<ambit_scope>) -> Int32

  /// What the loop does with the result, or with `AMBIT_CANCELLED` if the run was withdrawn before.
  enum Ending {
    /// It was a turn of the job; if withdrawn, the job has a turn in which it ends without having run.
    case endOfTurn
    /// Has a job go on that waits, and leaves the result with the run's own.
    case wake(JobPointer)
    case call(() -> Void)
  }

  private let job: JobPointer
  private let scope: ScopePointer
  private let ending: Ending
  /// The thread may make calls as the job.
  private let isGuest: Bool
  /// What a crash report calls it; nil: what the job is.
  private let work: StaticString?
  private let function: Function
  private var code: Int32 = 0

  /// A run of `function` under the name of `job`, with the handle of `scope` or of the job's own. All of them stay until
  /// the run has come to its ending. A crash report calls it `work`.
  init(
    of job: JobPointer, calledWith scope: ScopePointer? = nil, then ending: Ending, isGuest: Bool = true,
    work: StaticString? = nil, _ function: @escaping Function
  ) {
    self.work = work ?? (isGuest ? nil : "block")
    self.job = job
    self.scope = scope ?? job.pointee.scope
    self.ending = ending
    self.isGuest = isGuest
    self.function = function
  }

  /// The run as the pool takes it; one thread runs it, once, when it has its turn in `lane`.
  func makeWork(in lane: SerialLane? = nil) -> PoolWork {
    PoolWork(for: UInt(bitPattern: job), in: lane, owner: lane.map { _ in owner }) {
      self.end(with: nil)
    } run: {
      self.run()
    }
  }

  /// On the loop.
  private var owner: WorkOwner {
    WorkOwner(
      plugin: scope.pointee.generation?.pointee.labelBytes ?? UnsafeRawBufferPointer(start: nil, count: 0),
      route: scope.pointee.route, scope: scope.pointee.id)
  }

  /// On the thread.
  private func run() {
    cfiber_set_guest(isGuest ? UnsafeMutableRawPointer(job) : nil)
    ccrash_begin_work(job, scope, work.map { UnsafeRawPointer($0.utf8Start).assumingMemoryBound(to: CChar.self) })
    code = function(scope.asHandle)
    ForkedChild.endIfReturned(from: job, in: scope)
    ccrash_end_work()
    cfiber_set_guest(nil)
    if case .endOfTurn = ending, job.pointee.scope.pointee.isFailFast { failEarly() }
    scope.pointee.loop.pointee.mailbox._withUnsafeGuaranteedRef { mailbox in
      _ = mailbox.post { _ in self.comeBack() }
    }
  }

  /// A job that has failed ends its scope also while another computes on the loop. On the thread; the loop sees the
  /// job's end afterwards.
  private func failEarly() {
    job.pointee.loop.pointee.mailbox._withUnsafeGuaranteedRef { mailbox in
      mailbox.postUrgent { [self] _ in
        if job.outcome(code: code) == .failed { job.pointee.scope.cancel(.failed) }
      }
    }
  }

  /// On the loop: the thread is done.
  private func comeBack() {
    job.pointee.loop.pointee.lookout.succeed()
    job.leavePool()
    end(with: code)
  }

  /// On the loop; nil if no thread has run the function, nor will.
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
