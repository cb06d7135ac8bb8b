internal import CLinux
internal import Glibc

/// How often a figure is measured; a round before these is not counted.
private let roundCount = 9

/// Measures what one of `operations` costs and prints it.
/// - Parameter round: performs all of them and returns the nanoseconds that counted.
/// - Returns: what each round gave, in nanoseconds for one operation.
@discardableResult
func measureFigure(_ name: String, budget: Double? = nil, operations: Int = 1, round: () -> Int64) -> [Double] {
  _ = round()
  let rounds = (0..<roundCount).map { _ in Double(round()) / Double(operations) }
  Figure(name: name, unit: .nanoseconds, rounds: rounds, budget: budget).print()
  return rounds
}

/// The CPU time, in nanoseconds, that `body` takes of this thread and of all fibers that run on it meanwhile: other
/// processes of the machine are not in it.
@inline(__always)
func processorTime(of body: () -> Void) -> Int64 {
  let start = time(CLOCK_THREAD_CPUTIME_ID)
  body()
  return time(CLOCK_THREAD_CPUTIME_ID) - start
}

/// The time, in nanoseconds, that passes while `body` runs.
@inline(__always)
func elapsedTime(of body: () -> Void) -> Int64 {
  let start = time(CLOCK_MONOTONIC)
  body()
  return time(CLOCK_MONOTONIC) - start
}

@inline(__always)
private func time(_ clock: clockid_t) -> Int64 {
  var time = timespec()
  clock_gettime(clock, &time)
  return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
}
