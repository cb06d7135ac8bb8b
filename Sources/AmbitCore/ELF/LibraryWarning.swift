/// Something about a library that its operator should know, and that is no reason to refuse it.
public enum LibraryWarning: Equatable, Sendable, CustomStringConvertible {
  /// So many functions of it run while it is loaded, before the host has looked at its entry.
  case constructors(Int)
  case staticTLS
  /// It shares the Swift runtime with the host, or brings one of its own.
  case swift
  /// Names besides its entry that other libraries could be bound to.
  case exports([String])

  public var description: String {
    switch self {
    case .constructors(let count): "\(count) constructor\(count == 1 ? " runs" : "s run") while it is loaded"
    case .staticTLS: "it needs static thread-local storage"
    case .swift: "it needs the Swift runtime"
    case .exports(let names):
      "it exports more than its entry (\(Self.list(names))); compile it with -fvisibility=hidden"
    }
  }

  private static func list(_ names: [String]) -> String {
    let shown = names.prefix(5).joined(separator: ", ")
    return names.count > 5 ? "\(shown) and \(names.count - 5) more" : shown
  }
}

extension LibraryFacts {
  /// What is worth a warning about a library that should export `entry` alone.
  public func warnings(entry: String) -> [LibraryWarning] {
    let others = exports.filter { $0 != entry }
    var warnings: [LibraryWarning] = []
    if constructors > 0 { warnings.append(.constructors(constructors)) }
    if usesStaticTLS { warnings.append(.staticTLS) }
    if usesSwift { warnings.append(.swift) }
    if !others.isEmpty { warnings.append(.exports(others)) }
    return warnings
  }
}
