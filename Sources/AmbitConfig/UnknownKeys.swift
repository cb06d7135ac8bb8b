import AmbitCore

/// Finds the keys that the host does not know and says what was probably meant.
enum UnknownKeys {
  /// The tables that are not of `ConfigurationKey`: one for each plugin, and one for each route.
  private static let others = ["plugin", "route"]

  /// - Parameter table: The table that the members are of; nil for the top level.
  static func findings(in members: [String: ConfigurationValue], table: String?) -> [Finding] {
    let known = names(in: table)
    return members.filter { !known.contains($0.key) }.map { name, value in
      let path = table.map { SettingPath($0, name) } ?? SettingPath(name)
      let hint = hint(for: name, known: known, table: table)
      return Finding(path: path, message: message(for: name, value, in: table, hint: hint))
    }
  }

  /// - Parameter table: The path of the table that the key stands in; nil for the top level.
  static func message(for name: String, _ value: ConfigurationValue, in table: String?, hint: String) -> String {
    let kind = if case .table = value { "table" } else { "key" }
    let place = table.map { "\($0): " } ?? ""
    return "\(place)unknown \(kind) \(quoted(name))\(hint)"
  }

  /// The near name if there is one, else all that are known.
  static func hint(for name: String, known: [String]) -> String {
    if let near = nearestName(to: name, among: known) { return "; did you mean \(quoted(near))?" }
    return "; known here: \(known.joined(separator: ", "))"
  }

  private static func names(in table: String?) -> [String] {
    let keys = ConfigurationKey.all.filter { $0.table == table }.map(\.name)
    return table == nil ? (keys + ConfigurationKey.tables + others).sorted() : keys
  }

  /// A near name of the same table goes first, then the same name in another one: a key that was written below the wrong
  /// header.
  private static func hint(for name: String, known: [String], table: String?) -> String {
    if nearestName(to: name, among: known) == nil,
      let elsewhere = ConfigurationKey.all.first(where: { $0.name == name })
    {
      return elsewhere.table.map { "; it belongs in [\($0)]" } ?? "; it belongs above the first table"
    }
    return hint(for: name, known: known)
  }
}
