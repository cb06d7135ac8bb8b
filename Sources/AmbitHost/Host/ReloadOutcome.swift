internal import AmbitCore
internal import AmbitPlugins
internal import AmbitSystem

/// The outcome of a reload: for the client that asked for it, the log and the status.
struct ReloadOutcome: Sendable {
  enum Result: String, Sendable {
    /// Everything in the configuration and the plugin directory serves.
    case done
    /// Some plugins were refused. Their previous generations serve on.
    case partial
    /// Nothing has changed.
    case refused
  }

  /// Nanoseconds since 1970-01-01 UTC.
  let began: Int64
  let duration: Duration
  /// Sorted by kind, then by file. Empty if the reload was refused.
  let changes: [PluginChange]
  /// The URLs that clients can use from this reload on, and those that they cannot use any more.
  var opened: [String] = []
  var closed: [String] = []
  /// The keys of the configuration that have changed since the start and take effect at the next start.
  let ignored: [String]
  /// What has changed that a running worker cannot take over, so that new workers have replaced the others: "threads has
  /// changed".
  var newWorkers: [String] = []
  /// Why workers were not replaced nevertheless; empty if all were.
  var oldWorkers: [String] = []
  /// Why the whole reload was refused; empty if it was not.
  let errors: [String]
  /// Why the plugin that this client wants to be tried again was not; nil if it was, or the client wants none.
  var notRetried: String?
  /// The `hang_limit` that a refused reload has taken into use nevertheless; nil: none.
  var hangLimit: String?

  var result: Result {
    if !errors.isEmpty { return .refused }
    let isDone = oldWorkers.isEmpty && notRetried == nil && !changes.contains { $0.kind == .failed }
    return isDone ? .done : .partial
  }
}

/// The effect of a reload on one plugin.
struct PluginChange: Sendable {
  enum Kind: String, CaseIterable, Sendable {
    case added, changed, kept, removed, failed

    /// The order in which tables show them.
    var rank: Int { Self.allCases.firstIndex(of: self)! }
  }

  let kind: Kind
  /// The plugin's name; of a failed plugin, as far as it is known.
  let name: String
  /// The plugin's file.
  let file: String
  /// The label of the generation that serves now, or served until it was removed; nil if a failed plugin has none.
  let generation: String?
  /// Why it failed; empty if it did not.
  var reasons: [String] = []
  /// Warnings about a plugin that serves: which libraries that it is linked with are outdated.
  var notes: [String] = []
  /// Set if it is a library that is used in place: why, and what that means for a new version of its file.
  var inUse: InPlaceState?
}

extension PluginChange {
  /// The effect of a plan on each plugin, sorted by name. Removed and failed plugins come last.
  /// - Parameters:
  ///   - old: what served before, by name.
  ///   - new: what serves now. Of a plugin that failed this is the generation before.
  ///   - usedInPlace: the libraries in `new` that are no copies.
  static func all(
    from old: [String: ServingPlugin], to new: [String: ServingPlugin], by plan: ReloadPlan,
    _ usedInPlace: [String: InPlaceState]
  ) -> [PluginChange] {
    let started = Set(plan.generations.map(\.name))
    let serving = new.sorted { $0.key < $1.key }.compactMap { name, plugin -> PluginChange? in
      let hasFailed = plan.refusals.values.contains { $0.concerns([name]) }
      if !started.contains(name), hasFailed { return nil }
      let kind: Kind = started.contains(name) ? old[name] == nil ? .added : .changed : .kept
      return PluginChange(
        kind: kind, name: name, file: plugin.file.path, generation: plugin.label,
        notes: plan.notes[plugin.file.path] ?? [], inUse: usedInPlace[name])
    }
    let removed = old.filter { new[$0.key] == nil }.map { name, plugin in
      PluginChange(kind: .removed, name: name, file: plugin.file.path, generation: plugin.label)
    }
    let failed = plan.refusals.map { file, refusal in
      let names = refusal.problems.map(\.plugin)
      return PluginChange(
        kind: .failed, name: names[0], file: file, generation: names.compactMap { new[$0]?.label }.first,
        reasons: refusal.problems.map(\.description))
    }
    return serving + removed + failed
  }

  /// The order of tables: by kind, then by file.
  static func inTables(_ first: PluginChange, _ second: PluginChange) -> Bool {
    (first.kind.rank, first.file) < (second.kind.rank, second.file)
  }
}

extension ReloadOutcome {
  /// The counts by kind, in the order of the tables.
  var counts: [(kind: PluginChange.Kind, count: Int)] {
    PluginChange.Kind.allCases.map { kind in (kind, changes.count { $0.kind == kind }) }
  }

  /// What is as before a reload that is refused.
  var unchanged: String {
    "nothing has changed" + (hangLimit.map { " but limits.hang_limit, which is \($0) now" } ?? "")
  }

  /// "2 added, 1 changed, 0 kept, 0 removed, 0 failed", or that nothing has changed. Ignored keys follow if there are
  /// any, and that workers could not be replaced.
  var summary: String {
    guard result != .refused else { return "refused, \(unchanged): \(errors.count.pluralized("error"))" }
    let ignored = self.ignored.isEmpty ? [] : ["\(self.ignored.count) ignored"]
    let workers = newWorkers.isEmpty || oldWorkers.isEmpty ? [] : ["workers not replaced"]
    return (counts.map { "\($0.count) \($0.kind)" } + ignored + workers).joined(separator: ", ")
  }

  /// The status of the response to the client that asked for the reload.
  var httpStatus: Int {
    guard result == .done else { return 422 }
    return ignored.isEmpty ? 200 : 202
  }

  var milliseconds: Int64 { duration.wholeNanoseconds / 1_000_000 }

  /// A line for each plugin with its reasons and notes below it, then the libraries that are used in place, the addresses
  /// that were opened and closed, the ignored keys and the summary. A kept library that is used in place is listed only among the latter.
  var text: String {
    let changes = self.changes.filter { $0.kind != .kept || $0.inUse == nil }
    var table = TextTable()
    for change in changes { table.add(change.kind.rawValue, change.generation ?? "-", change.file) }
    var lines: [String] = []
    for (change, line) in zip(changes, table.lines) {
      lines.append(line)
      lines += (change.reasons + change.notes).map { "  \($0)" }
    }
    for change in self.changes {
      if let reason = change.inUse?.text { lines.append("in use  \(change.file) (\(reason))") }
    }
    lines += opened.map { "opened  \($0)" } + closed.map { "closed  \($0)" }
    if !newWorkers.isEmpty {
      lines.append(
        "workers  \(oldWorkers.isEmpty ? "" : "not ")replaced, because \(newWorkers.joined(separator: ", "))")
    }
    lines += oldWorkers.map { "  \($0)" }
    lines += ignored.map { "ignored  \($0): needs a restart" }
    lines += errors + [notRetried].compactMap(\.self)
    return (lines + ["reload \(summary) (\(milliseconds) ms)"]).map { $0.printable + "\n" }.joined()
  }

  var json: JSONValue {
    .object([
      ("result", .string(result.rawValue)),
      ("began", .string(Timestamp.text(of: began))),
      ("milliseconds", .integer(milliseconds)),
      ("counts", .object(counts.map { ($0.kind.rawValue, JSONValue($0.count)) })),
      ("plugins", .array(changes.map(\.json))),
      ("opened", .array(opened.map(JSONValue.string))),
      ("closed", .array(closed.map(JSONValue.string))),
      ("new_workers", .array(newWorkers.map(JSONValue.string))),
      ("old_workers", .array(oldWorkers.map(JSONValue.string))),
      ("ignored", .array(ignored.map(JSONValue.string))),
      ("errors", .array((errors + [notRetried].compactMap(\.self)).map(JSONValue.string))),
    ])
  }
}

extension PluginChange {
  fileprivate var json: JSONValue {
    .object([
      ("change", .string(kind.rawValue)),
      ("generation", JSONValue(generation)),
      ("file", .string(file)),
      ("reasons", .array(reasons.map(JSONValue.string))),
      ("notes", .array(notes.map(JSONValue.string))),
      ("in_use", JSONValue(inUse?.text)),
    ])
  }
}
