/// Why a process, or a thread of it, does not answer.
package enum HangJudgement: Equatable, Sendable {
  /// It had the time to answer, and did not.
  case hangs
  /// The time is not over.
  case waits
  /// A signal such as SIGSTOP, or a debugger, has stopped it. Its time begins again when it goes on.
  case stopped
  /// It wants to run, and other processes or a quota keep it from the processors.
  case starved
  /// The time is over, and the system does not tell what the process does.
  case unknown
}

/// Decides whether a process, or a thread of one, that was asked something hangs: one that is stopped, that gets no
/// processor, or whose machine was suspended does not.
///
/// The owner makes a value when it asks, looks at regular intervals until the answer comes, and then drops it.
package struct HangWatch: Sendable {
  /// How long the process may take, in nanoseconds, if it is neither stopped nor starved.
  private var limit: Int64
  /// How often the owner looks at least, in nanoseconds.
  private var interval: Int64
  private var first: ProcessSample?
  private var began: Int64
  private var looked: Int64

  /// - Parameters:
  ///   - limit: How long the process may take to answer, in nanoseconds.
  ///   - interval: How often the owner looks, in nanoseconds. After a pause of more than four intervals the time begins
  ///     again: the owner was stopped itself, or the whole machine.
  ///   - now: In nanoseconds of a clock that does not run while the machine is suspended, as in samples.
  ///   - began: When it began what it does instead of an answer; nil: now.
  ///   - first: A sample from before that; nil: the first look takes one.
  package init(limit: Int64, interval: Int64, now: Int64, since began: Int64? = nil, from first: ProcessSample? = nil) {
    (self.limit, self.interval, self.first) = (limit, interval, first)
    (self.began, looked) = (began ?? now, now)
  }

  /// Uses another limit and interval from now on, also for the time that has passed.
  package mutating func use(limit: Int64, interval: Int64) { (self.limit, self.interval) = (limit, interval) }

  /// When the time is over if the process is neither stopped nor starved, on the same clock.
  package var due: Int64 { began + limit }

  /// What the process does.
  /// - Parameter sample: the present one; nil if the system gives none.
  package mutating func look(_ sample: ProcessSample?, now: Int64) -> HangJudgement {
    let paused = now - looked > 4 * interval
    looked = now
    if paused || sample?.isStopped == true {
      (first, began) = (sample, now)
      return sample?.isStopped == true ? .stopped : .waits
    }
    guard let sample else { return now - began >= limit ? .unknown : .waits }
    guard let first else {
      first = sample
      return now - began >= limit ? .unknown : .waits
    }
    let judgement = Self.judge(first, sample, since: began, limit: limit)
    return judgement == .starved && now - began < limit ? .waits : judgement
  }

  /// What a process did since `began` if it was not stopped. The first of the two samples may be older.
  ///
  /// Time counts only as far as the process got a processor when it wanted one. What is left out for a thread is the time
  /// in which it waited for one. For a process it is the time in which its threads waited, together, by the share of the
  /// time that they did not get. What computes without an end on a busy machine hangs, too, only later.
  private static func judge(
    _ first: ProcessSample, _ last: ProcessSample, since began: Int64, limit: Int64
  ) -> HangJudgement {
    if last.isStopped { return .stopped }
    let elapsed = max(last.time - first.time, 0)
    let used = max(last.processorTime - first.processorTime, 0)
    let waited = max(last.processorWait - first.processorWait, 0)
    // A thread that has not run since then shows no wait yet.
    let isKeptOut = last.runnableThreads > 0 && used < elapsed / 100
    let share = last.isOfThread ? 1 : Double(waited) / Double(max(used + waited, 1))
    let lost = isKeptOut ? elapsed : Int64(Double(min(waited, elapsed)) * share)
    return min(elapsed, last.time - began) - lost >= limit ? .hangs : .starved
  }
}
