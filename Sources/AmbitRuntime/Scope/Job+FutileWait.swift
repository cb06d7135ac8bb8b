internal import Logging

// A loop over a wait that fails must not keep everything else from running.

extension UnsafeMutablePointer<Job> {
  /// So many cancelled waits in one turn are no accident.
  private static var patience: UInt8 { 16 }

  /// A wait of the running job has failed because it is cancelled. If that happens again and again the job is held up,
  /// longer each time up to 10 ms, and reported once.
  @inline(__always)
  public func waitedInVain() {
    pointee.aftermath.futileWaits += 1
    if pointee.aftermath.futileWaits > Self.patience { holdUp() }
  }

  @inline(never)
  private func holdUp() {
    let count = min(pointee.aftermath.futileWaits, Self.patience + 8)
    pointee.aftermath.futileWaits = count
    if !pointee.aftermath.wasReported {
      pointee.aftermath.wasReported = true
      PluginLog.write(
        .warning, pointee.scope, job: self, isFault: true,
        "a job waits again and again although each wait returns AMBIT_CANCELLED: it is slowed down; it should return")
    }
    pause(for: min(100_000 << Int64(count - Self.patience), 10_000_000))
  }
}
