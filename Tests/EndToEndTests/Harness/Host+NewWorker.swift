import TestSupport

extension Host {
  /// Waits until the log says that the only worker has died, and of what, and that another one serves in its place.
  /// - Parameter cause: the words of the log, as "SIGSEGV".
  func expectNewWorker(afterDeathBy cause: String) async throws {
    let line = try await log.line(containing: "CRITICAL worker 1 died: \(cause)")
    try await log.line(after: line.number, containing: "worker 1 serves again")
  }
}
