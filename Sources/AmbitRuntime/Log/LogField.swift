internal import Logging

/// Names of the fields that log lines carry.
public enum LogField {
  public static var plugin: String { "plugin" }
  public static var route: String { "route" }
  public static var scope: String { "scope" }
  public static var job: String { "job" }
  /// Whose fault a line reports: "plugin" or "host".
  public static var fault: String { "fault" }

  /// Fields as lines show them.
  static func inOrder(_ fields: Logger.Metadata) -> [(key: String, value: String)] {
    fields.map { (key: $0.key, value: $0.value.description) }.sorted { precedes($0.key, $1.key) }
  }

  /// The order in which lines show them; others follow by name.
  static func precedes(_ one: String, _ other: String) -> Bool {
    (rank(one), one) < (rank(other), other)
  }

  private static func rank(_ name: String) -> Int {
    [fault, plugin, route, scope, job].firstIndex(of: name) ?? .max
  }
}
