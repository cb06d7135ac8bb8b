internal import AmbitRuntime

/// Which hangs of event loops of one worker were taken note of, and which of them count as crashes.
///
/// A hang counts as a crash of the plugin that blocks the loop. If the same plugin blocks several loops, that is one
/// crash. A turn that has begun after the plugin was blamed is another one: a client has tried again.
struct HangRecord: Sendable {
  private var turns: Set<HungTurn> = []
  /// When the hang was noticed that each plugin was blamed for last, in monotonic nanoseconds, by label. The host has
  /// the label "".
  private var blamed: [String: Int64] = [:]

  /// Those of these turns that were not taken note of.
  func unnoted(_ turns: [HungTurn]) -> [HungTurn] { turns.filter { !self.turns.contains($0) } }

  /// Takes note of turns.
  /// - Parameters:
  ///   - loops: what blocks their loops, as far as they have not turned meanwhile, the one that has hung first first.
  ///   - moment: when the hang was noticed, in monotonic nanoseconds.
  /// - Returns: the loops of each crash, the one that has hung first first.
  mutating func note(_ turns: [HungTurn], _ loops: [HungLoop], at moment: Int64) -> [[HungLoop]] {
    self.turns.formUnion(turns)
    var crashes: [[HungLoop]] = []
    for loop in loops {
      let label = loop.plugin ?? ""
      let began = turns.first { $0.loop == loop.index }?.began ?? 0
      if let index = crashes.firstIndex(where: { $0[0].plugin == loop.plugin }) {
        crashes[index].append(loop)
      } else if began > blamed[label] ?? .min {
        crashes.append([loop])
        blamed[label] = moment
      }
    }
    return crashes
  }
}
