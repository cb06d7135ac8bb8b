internal import Logging

/// What the supervisor knows of the deaths of its workers. From any thread; nothing waits.
final class Faults: Sendable {
  private let logger = Logger(label: "ambit")

  /// Takes note of a death, and logs it.
  func note(_ death: Death) {
    guard let predicate = death.predicate else { return }
    let fields: Logger.Metadata = ["worker": "\(death.worker)", "pid": "\(death.pid)"]
    logger.notice("worker \(death.worker) (pid \(death.pid)) \(predicate)", metadata: fields)
  }
}
