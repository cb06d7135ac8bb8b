import AmbitCore

/// A key of `host.conf`: its table, its name, and the decoder of its value.
struct ConfigurationKey: Sendable {
  /// The table of the key; nil at the top level.
  let table: String?
  let name: String
  /// Decodes the value and stores it in the configuration, or adds to the diagnostics.
  let decode: @Sendable (ConfigurationValue, inout HostConfiguration, inout [Diagnostic]) -> Void

  var path: SettingPath {
    table.map { SettingPath($0, name) } ?? SettingPath(name)
  }

  private init<Value>(
    _ name: String, in table: String? = nil, _ decoder: ValueDecoder<Value>,
    _ field: any WritableKeyPath<HostConfiguration, Value> & Sendable
  ) {
    self.table = table
    self.name = name
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
    .init("listen", .addresses, \.listen),
    .init("plugins", .directory, \.plugins),
    .init("private", .optionalDirectory, \.privateDirectory),
    .init("admin", .adminPlace, \.admin),
    .init("threads", .integer(0...1024), \.threads),
    .init("stack_size", .size((16 << 10)...(64 << 20), multipleOf: 4096), \.stackSize),
    .init("handler_stack_size", .size((64 << 10)...(64 << 20), multipleOf: 4096), \.handlerStackSize),
    .init("pool_threads", .integer(1...1024), \.poolThreads),
    .init("pool_queue", .integer(0...1_000_000), \.poolQueue),
    .init("start", .choice, \.start),
    .init("drain_timeout", .duration(.zero...day), \.drainTimeout),
    .init("cancel_grace", .duration(.zero...minute), \.cancelGrace),
    .init("stall_warning", .timeLimit(millisecond...minute), \.stallWarning),
    .init("settle", .duration(.zero...minute), \.settle),
    .init("max_plugin_size", .size((4 << 10)...(1 << 40)), \.maxPluginSize),
    .init("dry_run_timeout", .duration(millisecond...(minute * 10)), \.dryRunTimeout),
    .init("trust", .choice, \.trust),
    .init("half_close", .choice, \.halfClose),
    .init("expose_generation", .boolean, \.exposeGeneration),
    .init("request_timeout", in: "limits", .timeLimit(millisecond...day), \.limits.requestTimeout),
    .init("header_timeout", in: "limits", .duration(millisecond...day), \.limits.headerTimeout),
    .init("idle_timeout", in: "limits", .timeLimit(millisecond...day), \.limits.idleTimeout),
    .init("max_body", in: "limits", .size(0...(1 << 40)), \.limits.maxBody),
    .init("max_head", in: "limits", .size((1 << 10)...(1 << 20)), \.limits.maxHead),
    .init("max_target", in: "limits", .size(64...(1 << 20)), \.limits.maxTarget),
    .init("max_headers", in: "limits", .integer(1...10_000), \.limits.maxHeaders),
    .init("jobs_per_request", in: "limits", .integer(0...1_000_000), \.limits.jobsPerRequest),
    .init("level", in: "log", .choice, \.log.level),
    .init("format", in: "log", .choice, \.log.format),
  ]

  private static let millisecond = Duration.milliseconds(1)
  private static let minute = Duration.seconds(60)
  private static let day = Duration.seconds(86_400)

  /// The tables of the keys.
  static let tables = Set(all.compactMap(\.table))
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
