/// Has a loop call a function at a point in time. Part of the record it belongs to.
///
/// Arming and disarming take constant time, however many timers are armed.
public struct Timer {
  /// In the wheel's slot while armed. At offset 0.
  var link: Link
  /// The tick in the high 48 bits, the slot in the low 16: one word, since there may be many timers.
  private var place: UInt64 = 0
  /// Called on the loop with the timer's address, after the timer has been disarmed.
  var fire: TimerFunction

  /// The value of a disarmed timer at `address`.
  @inline(__always)
  public init(at address: TimerPointer, fire: @escaping TimerFunction) {
    link = Link(alone: address.link)
    self.fire = fire
  }

  /// The tick at which it fires, in 48 bits. For a timer that is not settled: its delay in nanoseconds.
  @inline(__always) var tick: UInt64 { place >> 16 }

  /// The slot it is in: `level * 64 + index`.
  @inline(__always) var slot: Int { Int(truncatingIfNeeded: place & 0xFFFF) }

  @inline(__always)
  mutating func setPlace(tick: UInt64, slot: Int) { place = tick << 16 | UInt64(truncatingIfNeeded: slot) }
}

/// What a timer calls, with its own address: that of a field of the record it belongs to.
public typealias TimerFunction = @convention(c) (UnsafeMutableRawPointer) -> Void

public typealias TimerPointer = UnsafeMutablePointer<Timer>

extension UnsafeMutablePointer<Timer> {
  @inline(__always)
  var link: LinkPointer { pointer(to: \.link)! }

  /// The timer whose field `link` is the node.
  @inline(__always)
  static func of(_ link: LinkPointer) -> TimerPointer { link.record(Timer.self, at: 0) }

  /// The record of which this timer is the field at `offset`.
  @inline(__always)
  public func record<Record>(_: Record.Type, at offset: Int) -> UnsafeMutablePointer<Record> {
    (UnsafeMutableRawPointer(self) - offset).assumingMemoryBound(to: Record.self)
  }

  /// Whether it is armed.
  @inline(__always)
  public var isArmed: Bool { !link.isAlone }
}

/// The timers of one loop, in a hierarchical wheel. Level 0 has a slot for each of the next 64 ticks, level 1 a slot
/// for each of the next 64 groups of 64 ticks, and so on. A timer is put into the slot of the highest six-bit digit in
/// which its tick differs from the present one. When time reaches a slot of a higher level, its timers move down.
///
/// Most deadlines never fire, so arming and disarming must be cheap: each touches one slot. A tick is 65,536 ns. A
/// timer never fires early, and at most one tick late.
///
/// A timer that is armed with a delay is set aside until the caller passes the time to `settle`: reading the clock
/// costs more than all the rest.
///
/// After Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", SOSP 1987.
public struct TimerWheel {
  private static let levels = 8
  private static let tickShift: UInt64 = 16
  /// The slot after those of all levels holds the timers that are set aside. Their `tick` is the delay in nanoseconds.
  private static let setAside = levels * 64
  /// The longest delay that fits into a timer, in nanoseconds: some 39 hours.
  static let longestDelay: Int64 = 1 << 47

  /// Heads of the lists: of each level's slots, then of the timers that are set aside. Owned.
  private let slots: UnsafeMutablePointer<Link>
  /// For each level, which slots have timers; the last word says whether timers are set aside.
  private var occupied: InlineArray<9, UInt64> = .init(repeating: 0)
  /// The tick up to which timers have fired.
  private var elapsed: UInt64
  /// The earliest tick at which a timer may be due; `UInt64.max` if none is armed. Disarming does not move it, so it
  /// may be too early, but is never too late.
  private var nextTick = UInt64.max
  /// How many timers were set aside since the last `settle`, including those that have been disarmed since.
  private var unsettled = 0
  /// How many timers are armed.
  private(set) var count = 0

  /// An empty wheel whose present time is `now` (monotonic, nanoseconds).
  init(now: Int64) {
    slots = .allocate(capacity: Self.setAside + 1)
    for index in 0...Self.setAside { (slots + index).initializeAlone() }
    elapsed = UInt64(now) >> Self.tickShift
  }

  func deallocate() { slots.deallocate() }

  /// Makes `timer` fire at `time` (monotonic, nanoseconds), or as soon as possible if that has passed. A timer that is
  /// armed is armed anew.
  @inline(__always)
  mutating func arm(_ timer: TimerPointer, at time: Int64) {
    if timer.isArmed { disarm(timer) }
    count &+= 1
    schedule(timer, at: time)
  }

  /// Makes `timer` fire `delay` nanoseconds, at most `longestDelay`, after the next `settle`, which must follow soon. A
  /// timer that is armed is armed anew.
  /// - Returns: how many timers were set aside since the last `settle`.
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

  /// Whether timers are set aside, whose times are unknown until `settle`.
  @inline(__always) var isUnsettled: Bool { unsettled > 0 }

  /// Lets the delays of the timers that are set aside begin at `now` (monotonic, nanoseconds).
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

  /// Keeps `timer` from firing. No effect if it is not armed.
  @inline(__always)
  mutating func disarm(_ timer: TimerPointer) {
    let link = timer.link
    guard !link.isAlone else { return }
    let slot = timer.pointee.slot
    count &-= 1
    link.remove()
    if (slots + slot).isAlone { occupied[slot >> 6] &= ~(1 << UInt64(slot & 63)) }
  }

  /// When an armed timer fires (monotonic, nanoseconds). Only while no timer is set aside.
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

  /// No timer fires before this time (monotonic, nanoseconds); nil if none is armed. It may be the time of a timer that
  /// has been disarmed. Only while no timer is set aside.
  @inline(__always)
  var nextDue: Int64? { nextTick == .max ? nil : Int64(clamping: nextTick << Self.tickShift) }

  /// The first occupied slot, and the tick at which it is due.
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

  /// Moves time on to `now` and takes one due timer out of the wheel; nil if no timer is due.
  ///
  /// One at a time, because the function of a timer may disarm another due timer.
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

  /// Time has reached a slot of a higher level: moves its timers to lower levels.
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
