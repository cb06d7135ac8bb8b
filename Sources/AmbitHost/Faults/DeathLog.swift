internal import AmbitCore
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging

/// Tells the operator of the deaths of workers: a line in the log for each, and a report in a file. From any thread;
/// nothing waits.
final class DeathLog: Sendable {
  /// More threads are not named in the line.
  private static var mostNamed: Int { 8 }

  let reports = CrashReports()
  private let logger = Logger(label: "ambit")

  func tell(of death: Death) {
    var fields = Self.fields(of: death)
    if let file = reports.write(death) { fields["report"] = "\(file)" }
    logger.critical("worker \(death.worker) \(death.verb): \(death.cause)", metadata: fields)
    guard let lost = death.record?.lostLog, lost > 0 else { return }
    logger.warning(
      """
      \(lost.pluralized("byte")) of the log of worker \(death.worker) (pid \(death.pid)) are lost, since the reader of \
      the log had no room for them when the worker died
      """,
      metadata: ["worker": "\(death.worker)"])
  }

  private static func fields(of death: Death) -> Logger.Metadata {
    var fields: Logger.Metadata = ["worker": "\(death.worker)", "pid": "\(death.pid)"]
    if let culprit = death.culpritLabel {
      fields[LogField.plugin] = "\(culprit)"
      fields[LogField.fault] = "plugin"
    }
    if let record = death.record, death.culprit != nil {
      if !record.label.isEmpty { fields[LogField.label] = "\(record.label)" }
      if let request = record.request { fields[LogField.request] = "\(request)" }
      if let scope = record.scope { fields[LogField.scope] = "\(scope)" }
      if !record.job.isEmpty { fields[LogField.job] = "\(record.job)" }
      fields["work"] = "\(record.work)"
    } else if !death.running.isEmpty {
      fields["running"] = "\(list(death.running))"
    }
    if let record = death.record, !record.stack.isEmpty {
      fields[record.isStackGuess ? "stack_guess" : "stack"] = "\(record.stack)"
    }
    return fields
  }

  private static func list(_ running: [Death.RunningWork]) -> String {
    let rest = running.count - mostNamed
    let named = running.prefix(mostNamed).map(\.phrase).joined(separator: ", ")
    return rest > 0 ? "\(named) and \(rest) more" : named
  }
}
