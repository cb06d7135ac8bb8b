@testable import AmbitRuntime

/// A wheel and timers for it, named by number.
final class TimerBench {
  private let timers: UnsafeMutablePointer<Timer>
  private let count: Int
  private var wheel: TimerWheel

  init(count: Int, now: Int64) {
    self.count = count
    timers = .allocate(capacity: count)
    wheel = TimerWheel(now: now)
    for index in 0..<count {
      (timers + index).initialize(to: Timer(at: timers + index, fire: { _ in }))
    }
  }

  deinit {
    wheel.deallocate()
    timers.deallocate()
  }

  var nextDue: Int64? { wheel.nextDue }

  func isArmed(_ timer: Int) -> Bool { (timers + timer).isArmed }

  func arm(_ timer: Int, at time: Int64) { wheel.arm(timers + timer, at: time) }

  func arm(_ timer: Int, after delay: Int64) { _ = wheel.arm(timers + timer, after: delay) }

  func settle(now: Int64) { wheel.settle(now: now) }

  func disarm(_ timer: Int) { wheel.disarm(timers + timer) }

  /// One timer that is due; nil if none is.
  func pop(now: Int64) -> Int? { wheel.popDue(now: now).map { $0 - timers } }

  /// All timers that have become due, in the order in which they fire.
  func advance(to now: Int64) -> [Int] {
    var fired: [Int] = []
    while let timer = pop(now: now) { fired.append(timer) }
    return fired
  }
}

/// What a wheel may do, from a list of deadlines.
struct TimerModel {
  private(set) var now: Int64
  private let tick: Int64
  /// The deadline of each armed timer, or the time at which it was armed if that is later.
  private var deadlines: [Int: Int64] = [:]
  /// The delay of each timer that was armed for some time from now, until it is known what time that is.
  private var delays: [Int: Int64] = [:]

  init(now: Int64, tick: Int64) {
    self.now = now
    self.tick = tick
  }

  mutating func arm(_ timer: Int, at time: Int64) {
    deadlines[timer] = max(time, now)
    delays[timer] = nil
  }

  mutating func arm(_ timer: Int, after delay: Int64) {
    deadlines[timer] = nil
    delays[timer] = delay
  }

  mutating func disarm(_ timer: Int) {
    deadlines[timer] = nil
    delays[timer] = nil
  }

  mutating func settle(now: Int64) {
    for (timer, delay) in delays { deadlines[timer] = now + delay }
    delays = [:]
  }

  /// Moves time on; returns what is wrong with the timers that fired on the way.
  mutating func advance(to time: Int64, firing fired: [Int]) -> [String] {
    now = time
    var violations: [String] = []
    var latest: Int64 = 0
    for timer in fired {
      guard let deadline = deadlines.removeValue(forKey: timer) else {
        violations.append("timer \(timer) fired and was not armed")
        continue
      }
      if deadline > now { violations.append("timer \(timer) fired \(deadline - now) ns early") }
      if deadline <= latest - tick { violations.append("timer \(timer) fired after one of a later tick") }
      latest = max(latest, deadline)
    }
    for (timer, deadline) in deadlines where deadline <= now - tick {
      violations.append("timer \(timer) is \(now - deadline) ns late")
    }
    return violations
  }

  /// What is wrong with `nextDue`: a loop that sleeps until then must not oversleep, nor wake again and again for a
  /// timer that was disarmed.
  func violation(nextDue: Int64?) -> String? {
    guard let first = deadlines.values.min() else {
      return nextDue ?? .max > now - tick ? nil : "still due at \(nextDue!), and nothing is armed"
    }
    guard let nextDue else { return "nothing due, and a timer is armed for \(first)" }
    return nextDue < first + tick ? nil : "due at \(nextDue), and a timer is armed for \(first)"
  }
}
