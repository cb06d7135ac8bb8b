/// Names of the fields that log lines carry.
package enum LogField {
  package static var plugin: String { "plugin" }
  package static var route: String { "route" }
  package static var scope: String { "scope" }
  package static var job: String { "job" }
  /// Whose fault a line reports: "plugin" or "host".
  package static var fault: String { "fault" }

  /// The order in which lines show them; others follow by name.
  static func precedes(_ one: String, _ other: String) -> Bool {
    (rank(one), one) < (rank(other), other)
  }

  private static func rank(_ name: String) -> Int {
    [fault, plugin, route, scope, job].firstIndex(of: name) ?? .max
  }
}
