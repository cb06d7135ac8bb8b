/// Something in a library because of which closing it crashes the process later, or does nothing.
public enum UnloadObstacle: Equatable, Sendable, CustomStringConvertible {
  /// It was stripped of its section table, by which it would be judged.
  case unknown
  /// The Swift runtime keeps pointers to its types and conformances.
  case swift
  /// Its runtime has threads of its own and never ends.
  case go
  /// It is linked with `-z nodelete`.
  case noDelete
  /// It has symbols of which the process has one each; the loader keeps the library for them.
  case uniqueSymbol(String)
  /// It registers destructors of thread-local variables, which run when a thread ends.
  case threadLocalDestructors(String)
  /// It makes keys whose destructors run when a thread ends.
  case threadKeys(String)

  public var description: String {
    switch self {
    case .unknown: "it has no section table, so that nothing is known of what it leaves behind"
    case .swift: "it contains Swift, whose runtime keeps pointers into it"
    case .go: "it contains Go, whose runtime never ends"
    case .noDelete: "it is linked with -z nodelete"
    case .uniqueSymbol(let name): "it defines the process-wide symbol \(name) (STB_GNU_UNIQUE)"
    case .threadLocalDestructors(let function):
      "it has thread-local variables with destructors (it calls \(function))"
    case .threadKeys(let function): "it makes thread-specific keys (it calls \(function)), whose destructors stay"
    }
  }

  static func all(
    sections: [ELFSection], dynamic: ELFDynamic, notes: ELFNotes, symbols: ELFSymbols, usesSwift: Bool
  ) -> [UnloadObstacle] {
    var found: [UnloadObstacle] = []
    if sections.isEmpty { found.append(.unknown) }
    if usesSwift { found.append(.swift) }
    if notes.owners.contains("Go") || sections.contains(where: { $0.name == ".go.buildinfo" }) { found.append(.go) }
    if dynamic.isNoDelete { found.append(.noDelete) }
    if let name = symbols.unique.min() { found.append(.uniqueSymbol(name)) }
    let registrars = ["__cxa_thread_atexit", "__cxa_thread_atexit_impl"]
    if let name = registrars.first(where: symbols.imported.contains) { found.append(.threadLocalDestructors(name)) }
    let makers = ["pthread_key_create", "tss_create"]
    if let name = makers.first(where: symbols.imported.contains) { found.append(.threadKeys(name)) }
    return found
  }
}
