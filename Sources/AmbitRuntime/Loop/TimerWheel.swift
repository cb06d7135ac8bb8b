/// The timers of one loop, in a hierarchical wheel: level 0 has a slot for each of the next 64 ticks, level 1 one for
/// each of the next 64 times 64, and so on. Arming puts a timer into the slot of the highest six-bit digit in which its
/// tick differs from the present one; when time reaches a slot of a higher level its timers move down.
///
/// Most deadlines never fire, so arming and disarming are what counts: both touch one slot. A tick is 65,536 ns, and a
/// timer never fires early: it may be late by one tick.
///
/// A timer that is to fire some time from now is set aside until somebody says what time it is, since reading the clock
/// takes longer than all the rest.
///
/// After Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", SOSP 1987.
public struct TimerWheel {
  private static let levels = 8
  private static let tickShift: UInt64 = 16
  /// Behind all levels: the slot of the timers that are set aside, whose `tick` is the delay in nanoseconds.
  private static let setAside = levels * 64
  /// A longer delay, in nanoseconds, does not fit into a timer: some 39 hours.
  static let longestDelay: Int64 = 1 << 47

  /// Heads of the lists, level by level, and of the one of those that are set aside; owned.
  private let slots: UnsafeMutablePointer<Link>
  /// For each level, which slots have a timer; in the last word, whether there are timers set aside.
  private var occupied: InlineArray<9, UInt64> = .init(repeating: 0)
  /// The tick up to which timers have fired.
  private var elapsed: UInt64
  /// The earliest tick at which there may be something to do; `UInt64.max`: never. A timer that is disarmed does not
  /// move it, so that it may come too early, never too late.
  private var nextTick = UInt64.max
  /// How many timers were set aside since the last `settle`, whether or not they are armed still.
  private var unsettled = 0
  /// How many timers are armed.
  private(set) var count = 0

  /// An empty wheel that stands at `now`, in nanoseconds.
  init(now: Int64) {
    slots = .allocate(capacity: Self.setAside + 1)
    for index in 0...Self.setAside { (slots + index).initializeAlone() }
    elapsed = UInt64(now) >> Self.tickShift
  }

  func deallocate() { slots.deallocate() }

  /// Makes `timer` fire at `time` (monotonic, nanoseconds), or as soon as it can if that is past. Arms it anew if it
  /// was armed.
  @inline(__always)
  mutating func arm(_ timer: TimerPointer, at time: Int64) {
    if timer.isArmed { disarm(timer) }
    count &+= 1
    schedule(timer, at: time)
  }

  /// Makes `timer` fire when `delay` nanoseconds, at most `longestDelay`, have passed since now; its time is that of the
  /// next `settle`, which is to come soon. Arms it anew if it was armed.
  /// - Returns: how many timers were set aside so since the last `settle`.
  @inline(__always)
  mutating func arm(_ timer: TimerPointer, after delay: Int64) -> Int {
    if timer.isArmed { disarm(timer) }
    count &+= 1
    unsettled &+= 1
    timer.pointee.setPlace(tick: UInt64(max(delay, 0)), slot: Self.setAside)
    occupied[Self.levels] = 1
    (slots + Self.setAside).append(timer.link)
    return unsettled
  }

  /// Whether a timer may be set aside. Until `settle` nothing is known of when it fires.
  @inline(__always) var isUnsettled: Bool { unsettled > 0 }

  /// It is `now` (monotonic, nanoseconds): the timers that were set aside fire when their delays have passed from now on.
  mutating func settle(now: Int64) {
    unsettled = 0
    occupied[Self.levels] = 0
    while let link = (slots + Self.setAside).popFirst() {
      let timer = TimerPointer.of(link)
      let (time, overflow) = now.addingReportingOverflow(Int64(timer.pointee.tick))
      schedule(timer, at: overflow ? .max : time)
    }
  }

  @inline(__always)
  private mutating func schedule(_ timer: TimerPointer, at time: Int64) {
    let tick = max((UInt64(max(time, 0)) + (1 << Self.tickShift - 1)) >> Self.tickShift, elapsed + 1)
    nextTick = min(nextTick, tick)
    insert(timer, tick: tick)
  }

  /// Keeps `timer` from firing; nothing happens if it is not armed.
  @inline(__always)
  mutating func disarm(_ timer: TimerPointer) {
    let link = timer.link
    guard !link.isAlone else { return }
    let slot = timer.pointee.slot
    count &-= 1
    link.remove()
    if (slots + slot).isAlone { occupied[slot >> 6] &= ~(1 << UInt64(slot & 63)) }
  }

  /// When an armed timer fires (monotonic, nanoseconds). None is set aside.
  func due(_ timer: TimerPointer) -> Int64 { Int64(clamping: timer.pointee.tick << Self.tickShift) }

  @inline(__always)
  private mutating func insert(_ timer: TimerPointer, tick: UInt64) {
    let level = min((63 - (elapsed ^ tick | 1).leadingZeroBitCount) / 6, Self.levels - 1)
    let index = Int(tick >> UInt64(level * 6)) & 63
    let slot = level << 6 | index
    timer.pointee.setPlace(tick: tick, slot: slot)
    occupied[level] |= 1 << UInt64(index)
    (slots + slot).append(timer.link)
  }

  /// No timer fires before this time (monotonic, nanoseconds); nil: none fires at all. It may be that of a timer which was
  /// disarmed since, once. None is set aside.
  @inline(__always)
  var nextDue: Int64? { nextTick == .max ? nil : Int64(clamping: nextTick << Self.tickShift) }

  /// The tick at which the first occupied slot is due, and the slot.
  private func nextSlot() -> (tick: UInt64, slot: Int)? {
    for level in 0..<Self.levels where occupied[level] != 0 {
      let shift = UInt64(level * 6)
      let current = Int(elapsed >> shift) & 63
      let bits = occupied[level]
      let ahead = Self.rotatedRight(bits, by: current).trailingZeroBitCount
      let index = (current + ahead) & 63
      let base = (elapsed >> shift) << shift
      return (base &+ UInt64(ahead) << shift, level << 6 | index)
    }
    return nil
  }

  @inline(__always)
  private static func rotatedRight(_ bits: UInt64, by count: Int) -> UInt64 {
    bits >> UInt64(count) | bits << (UInt64(64 - count) & 63)
  }

  /// Moves time on to `now` and takes one timer that has become due out of the wheel; nil if none is left.
  ///
  /// One at a time, because what a timer does may disarm another that is due as well.
  @inline(__always)
  mutating func popDue(now: Int64) -> TimerPointer? {
    let target = UInt64(max(now, 0)) >> Self.tickShift
    return target < nextTick ? nil : searchDue(upTo: target)
  }

  @inline(never)
  private mutating func searchDue(upTo target: UInt64) -> TimerPointer? {
    while true {
      guard let (tick, slot) = nextSlot() else {
        nextTick = .max
        break
      }
      nextTick = tick
      guard tick <= target else { break }
      elapsed = max(elapsed, tick)
      let head = slots + slot
      if slot < 64 {
        let timer = TimerPointer.of(head.pointee.next)
        disarm(timer)
        return timer
      }
      cascade(head, slot: slot)
    }
    elapsed = max(elapsed, target)
    return nil
  }

  /// Moves the timers of a slot of a higher level, which time has reached, to the lower levels.
  private mutating func cascade(_ head: LinkPointer, slot: Int) {
    occupied[slot >> 6] &= ~(1 << UInt64(slot & 63))
    var moved = Link(alone: head)
    withUnsafeMutablePointer(to: &moved) { list in
      list.initializeAlone()
      head.move(to: list)
      while let link = list.popFirst() {
        let timer = TimerPointer.of(link)
        insert(timer, tick: timer.pointee.tick)
      }
    }
  }
}
