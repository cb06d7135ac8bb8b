import AmbitCore

extension HostConfiguration {
  /// Parses and checks the text of a configuration file. A missing key has its default.
  ///
  /// - Parameter file: The name of the file for the messages.
  /// - Throws: The first syntax error, or if there is none, all other errors.
  package static func parse(text: String, file: String) throws(ConfigurationErrors) -> HostConfiguration {
    let document: TOMLDocument
    do throws(SyntaxError) {
      document = try TOMLDocument(text: text)
    } catch {
      throw ConfigurationErrors(file: file, problem: error)
    }
    var decoder = ConfigurationDecoder(document)
    decoder.decodeAll()
    guard decoder.diagnostics.isEmpty else {
      throw ConfigurationErrors(file: file, diagnostics: decoder.diagnostics, positions: document.positions)
    }
    return decoder.configuration
  }
}

extension ConfigurationErrors {
  fileprivate init(file: String, problem: SyntaxError) {
    errors = [ConfigurationError(file: file, position: problem.position, message: problem.message)]
  }

  /// The diagnostics with their positions in the order of the file. Those without a position come last.
  fileprivate init(file: String, diagnostics: [Diagnostic], positions: [SettingPath: SourcePosition]) {
    let all = diagnostics.map { diagnostic in
      ConfigurationError(file: file, position: positions[diagnostic.path], message: diagnostic.message)
    }
    let last = SourcePosition(line: .max, column: .max)
    errors = all.sorted { ($0.position ?? last, $0.message) < ($1.position ?? last, $1.message) }
  }
}

/// Decodes a TOML document into a configuration and collects diagnostics.
struct ConfigurationDecoder {
  private(set) var configuration = HostConfiguration.defaults
  private(set) var diagnostics: [Diagnostic] = []
  private let members: [String: ConfigurationValue]
  private let positions: [SettingPath: SourcePosition]

  init(_ document: TOMLDocument) {
    members = document.members
    positions = document.positions
  }

  mutating func decodeAll() {
    configuration.places = SettingPlaces(positions)
    let tables = ConfigurationKey.tables.reduce(into: [:]) { $0[$1] = table($1) }
    for key in ConfigurationKey.all {
      guard let value = (key.table.map { tables[$0] ?? [:] } ?? members)[key.name] else { continue }
      key.decode(value, &configuration, &diagnostics)
    }
    for index in configuration.listen.indices { configuration.listen[index].locate(index, in: positions) }
    diagnostics += UnknownKeys.diagnostics(in: members, table: nil)
    for (name, members) in tables { diagnostics += UnknownKeys.diagnostics(in: members, table: name) }
    decodePlugins()
    decodeRoutes()
    compareLimits()
    compareWorkers()
  }

  /// The members of a table; none if it is missing or not a table.
  private mutating func table(_ name: String) -> [String: ConfigurationValue] {
    guard let value = members[name] else { return [:] }
    guard case .table(let members) = value else {
      diagnostics.append(.unexpected(at: SettingPath(name), expected: "a table, [\(name)]", found: value))
      return [:]
    }
    return members
  }

  private mutating func decodePlugins() {
    guard let value = members["plugin"] else { return }
    guard case .table(let plugins) = value else {
      let expected = "a table for each plugin, such as [plugin.hello]"
      diagnostics.append(.unexpected(at: SettingPath("plugin"), expected: expected, found: value))
      return
    }
    for (name, value) in plugins {
      configuration.pluginSettings[name] = PluginSettings(value, at: SettingPath("plugin", name), &diagnostics)
    }
  }

  private mutating func decodeRoutes() {
    guard let value = members["route"] else { return }
    guard case .array(let entries) = value else {
      diagnostics.append(
        .unexpected(at: SettingPath("route"), expected: "a table for each route, [[route]]", found: value))
      return
    }
    for (index, entry) in entries.enumerated() {
      let path = SettingPath("route").appending(.index(index))
      guard let route = RouteSetting(entry, at: path, positions: positions, &diagnostics) else { continue }
      diagnostics += repetition(of: route, at: path)
      if let conflict = ThreadConflict.first(of: route, at: path, among: configuration.routes) {
        diagnostics.append(conflict)
      }
      configuration.routes.append(route)
    }
  }

  /// A diagnostic if an earlier entry has the same pattern.
  private func repetition(of route: RouteSetting, at path: SettingPath) -> [Diagnostic] {
    let earlier = configuration.routes.first { $0.match.meaning == route.match.meaning }
    guard let earlier else { return [] }
    let path = path.appending(.key("match"))
    let found = "\(quoted(route.match.description)), which \(earlier.place.path) matches already"
    return [Diagnostic(path: path, message: "\(path): expected each route once, found \(found)")]
  }

  /// With one worker for each CPU, each worker has one event loop.
  private mutating func compareWorkers() {
    let path = SettingPath("threads")
    let areRead = !diagnostics.contains { $0.path == path || $0.path == SettingPath("workers") }
    guard areRead, configuration.workers == 0, configuration.threads != 0 else { return }
    let message =
      "threads: expected 0 beside workers = 0, which runs one worker with one event loop for each CPU, found "
      + "\(configuration.threads); remove threads, or set workers to a number"
    diagnostics.append(Diagnostic(path: path, message: message))
  }

  /// The target of a request is part of its head.
  private mutating func compareLimits() {
    let limits = configuration.limits
    var path = SettingPath("limits", "max_target")
    let headPath = SettingPath("limits", "max_head")
    let areRead = !diagnostics.contains { $0.path == path || $0.path == headPath }
    guard areRead, limits.maxTarget > limits.maxHead else { return }
    let (target, head) = (SizeText.text(for: limits.maxTarget), SizeText.text(for: limits.maxHead))
    var message = "\(path): expected at most limits.max_head, which is \(head), found \(target)"
    if case .table(let given)? = members["limits"], given["max_target"] == nil {
      path = headPath
      message = "\(path): expected at least limits.max_target, which is \(target), found \(head)"
    }
    diagnostics.append(Diagnostic(path: path, message: message))
  }
}
