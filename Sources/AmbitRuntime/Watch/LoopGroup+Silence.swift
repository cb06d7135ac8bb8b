public import Logging

/// A loop that does not turn, and who holds it up.
public struct SilentLoop: Sendable, CustomStringConvertible {
  let index: Int
  let work: WorkName

  public var description: String { "loop \(index) does not turn: \(work.phrase) holds it up" }

  /// What names the work in a log line.
  public var fields: Logger.Metadata { work.fields.merging(["loop": "\(index)"]) { $1 } }
}

extension LoopGroup {
  /// The loops that do not turn within `patience` nanoseconds. From threads that may block.
  public func silence(within patience: Int64) -> [SilentLoop] {
    let turning = Set(onEach(within: patience) { $0.pointee.index })
    return loops.filter { !turning.contains($0.record.pointee.index) }.map { loop in
      SilentLoop(index: loop.record.pointee.index, work: WorkName(observing: loop.record))
    }
  }
}
