import AmbitCore

/// Finds the keys that the host does not know and says what was probably meant.
enum UnknownKeys {
  /// The table that is not read by keys: each of its members is a plugin's.
  private static let plugins = "plugin"
  /// A name that is set aside for a later version, and would otherwise be taken for a mistake in spelling.
  private static let routes = "route"

  /// - Parameter table: The table that the members are of; nil for the top level.
  static func findings(in members: [String: ConfigurationValue], table: String?) -> [Finding] {
    let known = names(in: table)
    return members.filter { !known.contains($0.key) }.map { name, value in
      let path = table.map { SettingPath($0, name) } ?? SettingPath(name)
      if table == nil, name == routes { return routesFinding(at: path) }
      let kind = if case .table = value { "table" } else { "key" }
      let place = table.map { "\($0): " } ?? ""
      let hint = hint(for: name, known: known, table: table)
      return Finding(path: path, message: "\(place)unknown \(kind) \(quoted(name))\(hint)")
    }
  }

  private static func names(in table: String?) -> [String] {
    let keys = ConfigurationKey.all.filter { $0.table == table }.map(\.name)
    return table == nil ? (keys + ConfigurationKey.tables + [plugins]).sorted() : keys
  }

  /// A near name of the same table goes first, then the same name in another one: a key that was written below the wrong
  /// header.
  private static func hint(for name: String, known: [String], table: String?) -> String {
    if let near = nearestName(to: name, among: known) { return "; did you mean \(quoted(near))?" }
    if let elsewhere = ConfigurationKey.all.first(where: { $0.name == name }) {
      return elsewhere.table.map { "; it belongs in [\($0)]" } ?? "; it belongs above the first table"
    }
    return "; known here: \(known.joined(separator: ", "))"
  }

  private static func routesFinding(at path: SettingPath) -> Finding {
    Finding(path: path, message: "[[route]]: this version has no routes to C functions; a plugin serves every route")
  }
}
