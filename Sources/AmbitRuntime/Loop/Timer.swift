/// A point in time at which a loop calls a function: part of the record it belongs to.
///
/// Arming and disarming take constant time whatever the number of armed timers.
public struct Timer {
  /// In the wheel's slot while armed: at offset 0.
  var link: Link
  /// The tick above the slot, in one word: there may be many timers.
  private var place: UInt64 = 0
  /// Called on the loop, disarmed already, with the timer's address.
  var fire: TimerFunction

  /// The value of a disarmed timer at `address`.
  @inline(__always)
  public init(at address: TimerPointer, fire: @escaping TimerFunction) {
    link = Link(alone: address.link)
    self.fire = fire
  }

  /// The tick at which it fires, of 48 bits: see `TimerWheel`, also for what it is besides.
  @inline(__always) var tick: UInt64 { place >> 16 }

  /// The slot it is in: `level * 64 + index`.
  @inline(__always) var slot: Int { Int(truncatingIfNeeded: place & 0xFFFF) }

  @inline(__always)
  mutating func setPlace(tick: UInt64, slot: Int) { place = tick << 16 | UInt64(truncatingIfNeeded: slot) }
}

/// What a timer calls, with its own address, which is that of a field of the record it belongs to.
public typealias TimerFunction = @convention(c) (UnsafeMutableRawPointer) -> Void

public typealias TimerPointer = UnsafeMutablePointer<Timer>

extension UnsafeMutablePointer<Timer> {
  @inline(__always)
  var link: LinkPointer { pointer(to: \.link)! }

  /// The timer whose field `link` the node is.
  @inline(__always)
  static func of(_ link: LinkPointer) -> TimerPointer { link.record(Timer.self, at: 0) }

  /// The record of which this timer is the field at `offset`.
  @inline(__always)
  public func record<Record>(_: Record.Type, at offset: Int) -> UnsafeMutablePointer<Record> {
    (UnsafeMutableRawPointer(self) - offset).assumingMemoryBound(to: Record.self)
  }

  /// Whether it is to fire.
  @inline(__always)
  public var isArmed: Bool { !link.isAlone }
}
