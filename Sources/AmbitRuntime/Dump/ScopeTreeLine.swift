internal import AmbitCore
internal import AmbitSystem
internal import Logging

/// One line of the log about a scope or a job: indented for people, with the fields that say it all for machines.
public struct ScopeTreeLine: Sendable {
  let message: String
  private(set) var fields: Logger.Metadata

  init(_ entry: ScopeTree.Entry, loop: Int) {
    let indentation = String(repeating: "  ", count: entry.depth)
    fields = entry.scope.fields
    fields["loop"] = "\(loop)"
    switch entry.subject {
    case .scope(let scope):
      message = "\(indentation)scope \(scope.kind)"
      add(scope)
    case .job(let job):
      message = indentation + (job.isHandler ? "handler" : "job")
      add(job)
    }
  }

  private mutating func add(_ scope: ScopeReport) {
    fields["state"] = "\(scope.state == .open && scope.isRetiring ? "retiring" : "\(scope.state)")"
    fields["age_ms"] = milliseconds(scope.age)
    fields["jobs"] = "\(scope.jobs)"
    if let parent = scope.parent { fields["parent"] = "\(parent)" }
    if scope.cause != .none { fields["cause"] = "\(scope.cause)" }
    if let timeLeft = scope.timeLeft { fields["deadline_ms"] = milliseconds(timeLeft) }
  }

  private mutating func add(_ job: JobReport) {
    if !job.name.isEmpty { fields[LogField.job] = "\(job.name)" }
    fields["state"] = "\(job.state.text)"
    fields["age_ms"] = milliseconds(job.age)
    if let wait = job.wait {
      fields["waits_for"] = "\(wait.kind.rawValue)"
      fields["waits_ms"] = milliseconds(wait.time)
    }
    if job.isStuck { fields["stuck"] = "true" }
    if let stackBytes = job.stackBytes { fields["stack_bytes"] = "\(stackBytes)" }
  }

  private func milliseconds(_ nanoseconds: Int64) -> Logger.MetadataValue { "\(nanoseconds / 1_000_000)" }
}

extension ScopeName {
  var fields: Logger.Metadata {
    var fields: Logger.Metadata = [LogField.scope: "\(name.isEmpty ? "\(id)" : "\(id) \(name)")"]
    if let plugin { fields[LogField.plugin] = "\(plugin)" }
    if !route.isEmpty { fields[LogField.route] = "\(route)" }
    return fields
  }
}

extension JobState {
  /// As the log calls it.
  var text: String {
    switch self {
    case .created: "new"
    case .ready: "ready"
    case .running: "running"
    case .suspended: "waiting"
    case .blocked: "blocked"
    case .onThread: "thread"
    case .ended, .forgotten: "ended"
    }
  }
}
