/// A point in time at which a loop calls a function: part of the record it belongs to.
///
/// Arming and disarming take constant time whatever the number of armed timers.
public struct Timer {
  /// In the wheel's slot while armed: at offset 0.
  var link: Link
  /// The tick at which it fires; see `TimerWheel`.
  var tick: UInt64
  /// The slot it is in: `level * 64 + index`.
  var slot: UInt16
  /// Called on the loop, disarmed already, with `owner`.
  var fire: @convention(c) (UnsafeMutableRawPointer) -> Void
  var owner: UnsafeMutableRawPointer

  /// The value of a disarmed timer at `address` that will call `fire(owner)`.
  @inline(__always)
  public init(
    at address: TimerPointer, owner: UnsafeMutableRawPointer,
    fire: @escaping @convention(c) (UnsafeMutableRawPointer) -> Void
  ) {
    link = Link(alone: address.link)
    tick = 0
    slot = 0
    self.fire = fire
    self.owner = owner
  }
}

public typealias TimerPointer = UnsafeMutablePointer<Timer>

extension UnsafeMutablePointer<Timer> {
  @inline(__always)
  var link: LinkPointer { pointer(to: \.link)! }

  /// The timer whose field `link` the node is.
  @inline(__always)
  static func of(_ link: LinkPointer) -> TimerPointer { link.record(Timer.self, at: 0) }

  /// Whether it is to fire.
  @inline(__always)
  public var isArmed: Bool { !link.isAlone }
}
