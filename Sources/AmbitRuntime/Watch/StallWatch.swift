/// Decides whether a loop stalls: the same turn has gone on for too long. Told what the loop's pulse shows, as often as
/// somebody looks.
struct StallWatch {
  enum Finding: Equatable {
    /// Nothing new.
    case none
    /// A turn has just been found to go on for too long.
    case began
    /// The turn that went on for too long is over; it took that many nanoseconds, or a little less.
    case ended(Int64)
  }

  /// How long a turn may take, in nanoseconds.
  let limit: Int64
  /// When the turn began that goes on for too long; nil if none does.
  private(set) var stalledTurn: Int64?

  init(limit: Int64) { self.limit = limit }

  /// `turnBegan` is 0 while the loop sleeps.
  mutating func look(turnBegan: Int64, now: Int64) -> Finding {
    if let stalledTurn {
      guard turnBegan != stalledTurn else { return .none }
      self.stalledTurn = nil
      return .ended((turnBegan == 0 ? now : turnBegan) - stalledTurn)
    }
    guard turnBegan != 0, now - turnBegan >= limit else { return .none }
    stalledTurn = turnBegan
    return .began
  }
}
