/// A key of `host.conf`: its place in the file, and how its value gets into the configuration.
struct ConfigurationKey: Sendable {
  /// The table that the key stands in; nil at the top level.
  let table: String?
  let name: String
  /// Stores the value, or adds to the findings.
  let read: @Sendable (ConfigurationValue, inout HostConfiguration, inout [Finding]) -> Void

  var path: SettingPath {
    table.map { SettingPath($0, name) } ?? SettingPath(name)
  }

  private init<Value>(
    _ name: String, in table: String? = nil, _ form: ValueForm<Value>,
    _ field: any WritableKeyPath<HostConfiguration, Value> & Sendable
  ) {
    self.table = table
    self.name = name
    let path = table.map { SettingPath($0, name) } ?? SettingPath(name)
    read = { value, configuration, findings in
      guard let checked = form.read(value, path, &findings) else { return }
      configuration[keyPath: field] = checked
    }
  }
}

extension ConfigurationKey {
  /// Every key that the host knows, apart from those of the `[plugin.NAME]` and `[[route]]` tables.
  static let all: [ConfigurationKey] = [
    .init("listen", .addresses, \.listen),
    .init("plugins", .directory, \.plugins),
    .init("private", .optionalDirectory, \.privateDirectory),
    .init("admin", .optionalSocket, \.admin),
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
    .init("rehearsal_timeout", .duration(millisecond...(minute * 10)), \.rehearsalTimeout),
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

  /// The tables that the keys stand in.
  static let tables = Set(all.compactMap(\.table))
}
