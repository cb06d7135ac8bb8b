/// What a job does once it has been cancelled: waits under a shield, waits in vain, and takes its time.
public struct Aftermath {
  /// Its waits work again, as long as there is grace.
  var isShielded = false
  /// The timer of the present wait ends it because the grace is over, not because its timeout is.
  var isBoundByGrace = false
  var wasReported = false
  /// As what it has been reported.
  var lateness = Lateness.none
  /// Cancelled waits since the job was last suspended by one.
  var futileWaits: UInt8 = 0

  public init() {}
}
