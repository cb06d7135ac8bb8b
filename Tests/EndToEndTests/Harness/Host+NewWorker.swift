import TestSupport

extension Host {
  /// Waits until the log says that the only worker has ended, and how, and that another one serves in its place.
  /// - Parameter end: the words of the log, as "was killed by SIGSEGV".
  func expectNewWorker(afterOneThat end: String) async throws {
    let line = try await log.line { $0.contains("worker 1 (pid ") && $0.contains(") \(end)") }
    try await log.line(after: line.number, containing: "worker 1 serves again")
  }
}
