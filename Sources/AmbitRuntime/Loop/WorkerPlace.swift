/// Which of a host's worker processes this is.
public struct WorkerPlace: Sendable, Equatable {
  /// Counts from 1.
  public let index: Int
  /// How many workers the host has.
  public let count: Int

  public init(index: Int, count: Int) { (self.index, self.count) = (index, count) }

  /// The only worker of a host, or a dry run.
  public static var only: WorkerPlace { WorkerPlace(index: 1, count: 1) }
}
