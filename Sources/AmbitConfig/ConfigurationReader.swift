import AmbitCore

/// Turns the members of a TOML document into a configuration, and notes whatever is wrong with them.
struct ConfigurationReader {
  private(set) var configuration = HostConfiguration.defaults
  private(set) var findings: [Finding] = []
  private let members: [String: ConfigurationValue]
  private let positions: [SettingPath: SourcePosition]

  init(_ document: TOMLDocument) {
    members = document.members
    positions = document.positions
  }

  mutating func readAll() {
    let tables = ConfigurationKey.tables.reduce(into: [:]) { $0[$1] = table($1) }
    for key in ConfigurationKey.all {
      guard let value = (key.table.map { tables[$0] ?? [:] } ?? members)[key.name] else { continue }
      key.read(value, &configuration, &findings)
    }
    findings += UnknownKeys.findings(in: members, table: nil)
    for (name, members) in tables { findings += UnknownKeys.findings(in: members, table: name) }
    readPlugins()
    readRoutes()
    compareLimits()
  }

  /// The members of a table, none if it is missing or no table.
  private mutating func table(_ name: String) -> [String: ConfigurationValue] {
    guard let value = members[name] else { return [:] }
    guard case .table(let members) = value else {
      findings.append(.mismatch(at: SettingPath(name), expected: "a table, [\(name)]", found: value))
      return [:]
    }
    return members
  }

  private mutating func readPlugins() {
    guard let value = members["plugin"] else { return }
    guard case .table(let plugins) = value else {
      let expected = "a table for each plugin, such as [plugin.hello]"
      findings.append(.mismatch(at: SettingPath("plugin"), expected: expected, found: value))
      return
    }
    for (name, value) in plugins {
      configuration.pluginSettings[name] = PluginSettings(value, at: SettingPath("plugin", name), &findings)
    }
  }

  private mutating func readRoutes() {
    guard let value = members["route"] else { return }
    guard case .array(let entries) = value else {
      findings.append(.mismatch(at: SettingPath("route"), expected: "a table for each route, [[route]]", found: value))
      return
    }
    for (index, entry) in entries.enumerated() {
      let path = SettingPath("route").appending(.index(index))
      guard let route = RouteSetting(entry, at: path, positions: positions, &findings) else { continue }
      findings += repetition(of: route, at: path)
      if let conflict = ThreadConflict.first(of: route, at: path, among: configuration.routes) {
        findings.append(conflict)
      }
      configuration.routes.append(route)
    }
  }

  /// A finding if the route answers the requests of one that was read before it.
  private func repetition(of route: RouteSetting, at path: SettingPath) -> [Finding] {
    let earlier = configuration.routes.first { $0.match.meaning == route.match.meaning }
    guard let earlier else { return [] }
    let path = path.appending(.key("match"))
    let found = "\(quoted(route.match.description)), which \(earlier.place.path) matches already"
    return [Finding(path: path, message: "\(path): expected each route once, found \(found)")]
  }

  /// What no key can check alone.
  private mutating func compareLimits() {
    let limits = configuration.limits
    var path = SettingPath("limits", "max_target")
    let headPath = SettingPath("limits", "max_head")
    let areRead = !findings.contains { $0.path == path || $0.path == headPath }
    guard areRead, limits.maxTarget > limits.maxHead else { return }
    let (target, head) = (SizeText.text(for: limits.maxTarget), SizeText.text(for: limits.maxHead))
    var message = "\(path): expected at most limits.max_head, which is \(head), found \(target)"
    if case .table(let given)? = members["limits"], given["max_target"] == nil {
      path = headPath
      message = "\(path): expected at least limits.max_target, which is \(target), found \(head)"
    }
    findings.append(Finding(path: path, message: message))
  }
}
