internal import AmbitPlugins
internal import AmbitRuntime

/// The result of preparing generations. A generation in neither list was not tried, because the host is stopping.
struct Preparation: Codable, Sendable {
  /// The generations that are started, by name, with their configured routes.
  var prepared: [String: [LibraryCall]] = [:]
  /// Those of `prepared` that no worker has tried, because the workers crash again and again.
  var untried: Set<String> = []
  /// The others, by name.
  var failures: [String: PreparationFailure] = [:]
  /// The states that older generations handed over to the prepared ones, by the plugin's name: for a worker that is
  /// started later and has no older generation to ask. A state beyond `largestKeptState` is left out.
  var states: [String: HandedOverState] = [:]
  /// The bytes of the states that were left out, by the plugin's name.
  var largeStates: [String: Int] = [:]

  /// Bytes of the largest state that is kept.
  static let largestKeptState = 16 << 20
}

/// Why a generation could not be prepared, and how far it came.
struct PreparationFailure: Codable, Sendable {
  enum Stage: Codable, Sendable {
    /// It was not tried. Its number and its copy are unused.
    case notLoaded
    /// The system's loader refused the copy, which is of no use.
    case refusedByLoader
    /// The copy was mapped, and stays whatever is wrong with it.
    case loaded
  }

  let error: PluginError
  let stage: Stage
}
