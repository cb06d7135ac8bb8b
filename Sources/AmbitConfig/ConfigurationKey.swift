import AmbitCore

/// A key of `host.conf`: its table, its name, the decoder of its value, and when a change takes effect.
struct ConfigurationKey: Sendable {
  /// The table of the key; nil at the top level.
  let table: String?
  let name: String
  /// Decodes the value and stores it in the configuration, or adds to the diagnostics.
  let decode: @Sendable (ConfigurationValue, inout HostConfiguration, inout [Diagnostic]) -> Void
  /// When a change of the key takes effect.
  let takesEffect: Effect
  /// Whether its value is not the same in two configurations.
  let differs: @Sendable (HostConfiguration, HostConfiguration) -> Bool

  enum Effect {
    /// A running host takes it into use.
    case atReload
    /// A running worker cannot take it into use. A reload replaces the workers, or if the host is a single process, the
    /// change waits for the next start.
    case inNewWorkers
    /// Only a start reads it.
    case atNextStart
    /// The key is about starts only, so a running host ignores nothing.
    case duringStarts
  }

  var path: SettingPath {
    table.map { SettingPath($0, name) } ?? SettingPath(name)
  }

  private init<Value: Equatable>(
    _ name: String, in table: String? = nil, _ decoder: ValueDecoder<Value>,
    _ field: any WritableKeyPath<HostConfiguration, Value> & Sendable, _ takesEffect: Effect
  ) {
    self.table = table
    self.name = name
    self.takesEffect = takesEffect
    differs = { $0[keyPath: field] != $1[keyPath: field] }
    let path = table.map { SettingPath($0, name) } ?? SettingPath(name)
    decode = { value, configuration, diagnostics in
      guard let checked = decoder.decode(value, path, &diagnostics) else { return }
      configuration[keyPath: field] = checked
    }
  }
}

extension ConfigurationKey {
  /// All keys, except those of the `[plugin.NAME]` and `[[route]]` tables.
  static let all: [ConfigurationKey] = [
    .init("listen", .addresses, \.listen, .atReload),
    .init("plugins", .directory, \.plugins, .atReload),
    .init("private", .optionalDirectory, \.privateDirectory, .atNextStart),
    .init("admin", .adminPlace, \.admin, .atNextStart),
    .init("user", .account("user"), \.user, .inNewWorkers),
    .init("group", .account("group"), \.group, .inNewWorkers),
    .init("no_new_privileges", .boolean, \.noNewPrivileges, .inNewWorkers),
    .init("writable", .paths, \.writable, .inNewWorkers),
    .init("workers", .integer(0...1024), \.workers, .inNewWorkers),
    .init("threads", .integer(0...1024), \.threads, .inNewWorkers),
    .init("stack_size", .size((16 << 10)...(64 << 20), multipleOf: 4096), \.stackSize, .inNewWorkers),
    .init("handler_stack_size", .size((64 << 10)...(64 << 20), multipleOf: 4096), \.handlerStackSize, .inNewWorkers),
    .init("pool_threads", .integer(1...1024), \.poolThreads, .inNewWorkers),
    .init("pool_queue", .integer(0...1_000_000), \.poolQueue, .inNewWorkers),
    .init("start", .choice, \.start, .duringStarts),
    .init("drain_timeout", .duration(.zero...day), \.drainTimeout, .atReload),
    .init("cancel_grace", .duration(.zero...minute), \.cancelGrace, .inNewWorkers),
    .init("crash_window", .duration(second...day), \.crashWindow, .atReload),
    .init("crash_dir", .optionalDirectory, \.crashDirectory, .atReload),
    .init("crash_limit", .integer(1...10_000), \.crashLimit, .atReload),
    .init("prove_requests", .integer(1...1_000_000_000), \.proveRequests, .atReload),
    .init("prove_time", .duration(.zero...day), \.proveTime, .atReload),
    .init("stall_warning", .timeLimit(millisecond...minute), \.stallWarning, .inNewWorkers),
    .init("settle", .duration(.zero...minute), \.settle, .atReload),
    .init("max_plugin_size", .size((4 << 10)...(1 << 40)), \.maxPluginSize, .atReload),
    .init("dry_run_timeout", .duration(millisecond...(minute * 10)), \.dryRunTimeout, .atReload),
    .init("trust", .choice, \.trust, .atReload),
    .init("half_close", .choice, \.halfClose, .atReload),
    .init("expose_generation", .boolean, \.exposeGeneration, .atReload),
    .init("request_timeout", in: "limits", .timeLimit(millisecond...day), \.limits.requestTimeout, .atReload),
    .init("header_timeout", in: "limits", .duration(millisecond...day), \.limits.headerTimeout, .atReload),
    .init("idle_timeout", in: "limits", .timeLimit(millisecond...day), \.limits.idleTimeout, .atReload),
    .init("max_body", in: "limits", .size(0...(1 << 40)), \.limits.maxBody, .atReload),
    .init("max_head", in: "limits", .size((1 << 10)...(1 << 20)), \.limits.maxHead, .atReload),
    .init("max_target", in: "limits", .size(64...(1 << 20)), \.limits.maxTarget, .atReload),
    .init("max_headers", in: "limits", .integer(1...10_000), \.limits.maxHeaders, .atReload),
    .init("jobs_per_request", in: "limits", .integer(0...1_000_000), \.limits.jobsPerRequest, .atReload),
    .init("hang_limit", in: "limits", .timeLimit((millisecond * 100)...hour), \.limits.hangLimit, .atReload),
    .init("memory", in: "worker_limits", .limit(least: 1 << 30), \.workerLimits.memory, .inNewWorkers),
    .init("processes", in: "worker_limits", .integer(0...4_194_304), \.workerLimits.processes, .inNewWorkers),
    .init("open_files", in: "worker_limits", .integer(0...1_073_741_816), \.workerLimits.openFiles, .inNewWorkers),
    .init("core", in: "worker_limits", .limit(least: 0), \.workerLimits.core, .inNewWorkers),
    .init("file_size", in: "worker_limits", .limit(least: 0), \.workerLimits.fileSize, .inNewWorkers),
    .init("level", in: "log", .choice, \.log.level, .atReload),
    .init("format", in: "log", .choice, \.log.format, .atNextStart),
  ]

  private static let millisecond = Duration.milliseconds(1)
  private static let second = Duration.seconds(1)
  private static let minute = Duration.seconds(60)
  private static let hour = Duration.seconds(3600)
  private static let day = Duration.seconds(86_400)

  /// The keys that confine workers.
  static var confining: [ConfigurationKey] {
    all.filter { key in
      key.table == "worker_limits"
        || key.table == nil && ["user", "group", "no_new_privileges", "writable"].contains(key.name)
    }
  }

  /// The keys that say what a supervisor does when a worker crashes or hangs.
  static var supervising: [ConfigurationKey] {
    let names = ["crash_window", "crash_dir", "crash_limit", "limits.hang_limit"]
    return all.filter { names.contains($0.path.description) }
  }

  /// The tables of the keys.
  static let tables = Set(all.compactMap(\.table))
}

extension HostConfiguration {
  /// The paths of the keys whose values in this configuration, which has been read at a reload, take effect at the next
  /// start only: those that differ from the configuration of the last start.
  /// - Parameter isSingle: the host is a single process, so it cannot replace its workers.
  package func keysIgnored(since start: HostConfiguration, isSingle: Bool) -> [String] {
    keys(changedSince: start, that: isSingle ? [.atNextStart, .inNewWorkers] : [.atNextStart])
  }

  /// The paths of the keys whose values in this configuration, which has been read at a reload, a running worker cannot
  /// take into use: those that differ from the configuration that the worker was started with.
  package func keysNeedingNewWorkers(since running: HostConfiguration) -> [String] {
    keys(changedSince: running, that: [.inNewWorkers])
  }

  private func keys(changedSince old: HostConfiguration, that takeEffect: [ConfigurationKey.Effect]) -> [String] {
    ConfigurationKey.all.filter { takeEffect.contains($0.takesEffect) && $0.differs(old, self) }
      .map(\.path.description)
  }
}

/// Reports unknown keys and suggests known ones.
enum UnknownKeys {
  /// The tables that have no `ConfigurationKey`: one for each plugin, and one for each route.
  private static let others = ["plugin", "route"]

  /// - Parameter table: The table of the members; nil for the top level.
  static func diagnostics(in members: [String: ConfigurationValue], table: String?) -> [Diagnostic] {
    let known = names(in: table)
    return members.filter { !known.contains($0.key) }.map { name, value in
      let path = table.map { SettingPath($0, name) } ?? SettingPath(name)
      let hint = hint(for: name, known: known, table: table)
      return Diagnostic(path: path, message: message(for: name, value, in: table, hint: hint))
    }
  }

  /// - Parameter table: The path of the table of the key; nil for the top level.
  static func message(for name: String, _ value: ConfigurationValue, in table: String?, hint: String) -> String {
    let kind = if case .table = value { "table" } else { "key" }
    let place = table.map { "\($0): " } ?? ""
    return "\(place)unknown \(kind) \(quoted(name))\(hint)"
  }

  /// Keys of earlier versions, with the names that they have now.
  private static let renamed = ["rehearsal_timeout": "dry_run_timeout"]

  /// A similar known key if there is one, else all known keys.
  static func hint(for name: String, known: [String]) -> String {
    let now = renamed[name].flatMap { known.contains($0) ? $0 : nil }
    if let near = now ?? suggestion(for: name, among: known) { return "; did you mean \(quoted(near))?" }
    return "; known here: \(known.joined(separator: ", "))"
  }

  private static func names(in table: String?) -> [String] {
    let keys = ConfigurationKey.all.filter { $0.table == table }.map(\.name)
    return table == nil ? (keys + ConfigurationKey.tables + others).sorted() : keys
  }

  /// Prefers a similar name of the same table to the same name in another table, which means that the key is below the
  /// wrong header.
  private static func hint(for name: String, known: [String], table: String?) -> String {
    if suggestion(for: name, among: known) == nil,
      let elsewhere = ConfigurationKey.all.first(where: { $0.name == name })
    {
      return elsewhere.table.map { "; it belongs in [\($0)]" } ?? "; it belongs above the first table"
    }
    return hint(for: name, known: known)
  }
}
