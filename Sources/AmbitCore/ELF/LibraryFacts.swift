/// What a shared library's file says of it, without loading it.
public struct LibraryFacts: Equatable, Sendable {
  /// In bytes.
  public let size: Int
  public let machine: ELF.Machine
  /// The linker's own number of this build, in hexadecimal; nil if it gave none.
  public let buildID: String?
  /// What it is linked with, and where that is.
  public let links: LibraryLinks
  /// DT_SONAME: the name by which others are linked with it; nil if it has none.
  public let soname: String?
  /// Names that it shows to others, sorted; the ones that linkers add are left out.
  public let exports: [String]
  /// Functions that run while it is loaded, beside the one that compilers put into each library.
  public let constructors: Int
  /// It has thread-local variables at fixed places, for which the loader keeps little room.
  public let usesStaticTLS: Bool
  /// It is a program.
  public let isExecutable: Bool
  /// Why it would not go away, or must not, when it is closed; empty if it can be unloaded.
  public let unloadObstacles: [UnloadObstacle]
  /// What the Swift runtime keeps of it, or would need.
  public let usesSwift: Bool

  /// The libraries it is linked with, in their order.
  public var needed: [String] { links.needed }

  /// Reads `file`, the whole of it.
  /// - Throws: if it is not a whole shared library for this machine, or has a part that leads out of the file.
  public init(of file: Span<UInt8>) throws(ELFError) {
    try ELF.checkLibrary(file)
    let segments = try file.segments()
    let sections = try file.sections()
    let dynamic = try ELFDynamic(segments, in: file)
    let notes = try ELFNotes(segments, in: file)
    let symbols = try ELFSymbols(sections, in: file)
    size = file.count
    machine = .host
    buildID = notes.buildID
    links = LibraryLinks(dynamic)
    soname = dynamic.soname
    exports = symbols.exported.subtracting(Self.linkerSymbols).sorted()
    constructors = max(dynamic.initialisers - 1, 0)
    usesStaticTLS = dynamic.isStaticTLS
    isExecutable = dynamic.isExecutable
    usesSwift =
      sections.contains { $0.name.hasPrefix("swift5_") } || dynamic.needed.contains { $0.hasPrefix("libswiftCore") }
    unloadObstacles = UnloadObstacle.all(
      sections: sections, dynamic: dynamic, notes: notes, symbols: symbols, usesSwift: usesSwift)
  }

  /// Refuses what the loader would take for a library and is none, or could take a few times only. A library that is no
  /// plugin is not its operator's to compile, so whether there is room for its static thread-local storage is left to the
  /// loader (`asLibrary`).
  public func checkLoadable(asLibrary: Bool = false) throws(ELFError) {
    guard !isExecutable else { throw .executable }
    guard asLibrary || !usesStaticTLS else { throw .staticTLS }
  }

  private static let linkerSymbols: Set = ["_init", "_fini", "_edata", "_end", "__bss_start"]
}

/// What a library is linked with, and where its author says that this is.
public struct LibraryLinks: Equatable, Sendable {
  /// DT_NEEDED: the libraries, in their order.
  public let needed: [String]
  /// DT_RUNPATH, or DT_RPATH where there is none: folders, in which `$ORIGIN` is the library's own.
  public let searchPath: [String]
  /// The loader looks there before LD_LIBRARY_PATH: it does so with DT_RPATH.
  public let searchesFirst: Bool

  init(_ dynamic: ELFDynamic) {
    needed = dynamic.needed
    searchPath = (dynamic.runPath ?? dynamic.rPath ?? "").split(separator: ":").map(String.init)
    searchesFirst = dynamic.runPath == nil
  }

  /// Those of a library of which nothing is known.
  public init() { (needed, searchPath, searchesFirst) = ([], [], false) }
}

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
