/// The properties of a shared library that its file shows without loading it.
public struct LibraryFacts: Equatable, Sendable {
  /// In bytes.
  public let size: Int
  public let machine: ELF.Machine
  /// The GNU build ID in hexadecimal; nil if the library was linked without one.
  public let buildID: String?
  /// The libraries that it is linked with, and where the loader searches for them.
  public let links: LibraryLinks
  /// DT_SONAME: the name under which other libraries link it; nil if it has none.
  public let soname: String?
  /// The names that it exports, sorted, without those that linkers add.
  public let exports: [String]
  /// The number of functions that run while it is loaded, without the one that compilers put into each library.
  public let constructors: Int
  /// The bytes of its thread-local variables if they lie at fixed offsets (DF_STATIC_TLS), for which the loader has
  /// little room; else 0.
  public let staticTLSSize: Int
  /// Whether it is a program.
  public let isExecutable: Bool
  /// The reasons why it must not or cannot be unloaded; empty if it can be.
  public let unloadObstacles: [UnloadObstacle]
  /// Whether it contains Swift code or is linked with the Swift runtime.
  public let usesSwift: Bool
  /// Whether it sets values of `@TaskLocal` variables. Known only if it does not contain the Swift runtime.
  public let setsTaskLocals: Bool
  /// Whether it schedules work on a run loop of Foundation that it does not run itself.
  public let needsRunLoop: Bool
  /// Whether it contains Go code.
  public let usesGo: Bool

  /// The libraries it is linked with, in their order.
  public var needed: [String] { links.needed }

  /// Reads the properties from `file`, which is the whole file.
  /// - Throws: if the file is not a complete shared library for this machine, or if a part of it would lie beyond its
  ///   end.
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
    staticTLSSize =
      dynamic.isStaticTLS ? segments.reduce(0) { $1.type == .threadLocal ? Int(clamping: $1.memorySize) : $0 } : 0
    isExecutable = dynamic.isExecutable
    usesSwift =
      sections.contains { $0.name.hasPrefix("swift5_") } || dynamic.needed.contains { $0.hasPrefix("libswiftCore") }
    setsTaskLocals = symbols.imported.contains(where: Self.isSetterOfTaskLocals)
    needsRunLoop = Self.needsRunLoop(symbols.imported)
    usesGo = notes.owners.contains("Go") || sections.contains { $0.name == ".go.buildinfo" }
    unloadObstacles = UnloadObstacle.all(
      sections: sections, dynamic: dynamic, symbols: symbols, usesSwift: usesSwift, usesGo: usesGo)
  }

  /// Refuses a program that the loader would accept as a library.
  public func checkLoadable() throws(ELFError) {
    guard !isExecutable else { throw .executable }
  }

  /// Optimised code calls the runtime; other code calls `TaskLocal.withValue`.
  private static func isSetterOfTaskLocals(_ symbol: String) -> Bool {
    symbol == "swift_task_localValuePush" || symbol.hasPrefix("$ss9TaskLocalC") && symbol.contains("withValue")
  }

  /// By calls of `RunLoop` and `Timer`. The main thread's run loop can be run by nobody but the host, which has none.
  private static func needsRunLoop(_ imported: Set<String>) -> Bool {
    let runLoop = "$s10Foundation7RunLoopC"
    if imported.contains("\(runLoop)4mainACvgZ") || imported.contains("CFRunLoopGetMain") { return true }
    return imported.contains { $0.hasPrefix("$s10Foundation5TimerC09scheduled") }
      && !imported.contains { $0.hasPrefix("\(runLoop)3run") }
  }

  private static let linkerSymbols: Set = ["_init", "_fini", "_edata", "_end", "__bss_start"]
}

/// The libraries that a library is linked with, and the folders in which its author expects them.
public struct LibraryLinks: Equatable, Codable, Sendable {
  /// DT_NEEDED: the libraries, in their order.
  public let needed: [String]
  /// DT_RUNPATH, or DT_RPATH where there is none: folders, in which `$ORIGIN` is the library's own.
  public let searchPath: [String]
  /// Whether the loader searches these folders before LD_LIBRARY_PATH, as it does with DT_RPATH.
  public let searchesFirst: Bool

  init(_ dynamic: ELFDynamic) {
    needed = dynamic.needed
    searchPath = (dynamic.runPath ?? dynamic.rPath ?? "").split(separator: ":").map(String.init)
    searchesFirst = dynamic.runPath == nil
  }

  /// The links of an unknown library: none.
  public init() { (needed, searchPath, searchesFirst) = ([], [], false) }
}

/// A property of a library that its operator should know, but that does not prevent loading it.
public enum LibraryWarning: Equatable, Sendable, CustomStringConvertible {
  /// The number of functions that run while it is loaded, before the host has checked its entry.
  case constructors(Int)
  /// The bytes that each load takes of the loader's room for static thread-local storage.
  case staticTLS(Int)
  /// It contains Go code, which may run on threads only.
  case go
  /// It uses the Swift runtime of the host or brings its own.
  case swift
  /// It schedules work on a run loop that nobody runs.
  case runLoop
  /// The names besides its entry that other libraries could bind to.
  case exports([String])

  public var description: String {
    switch self {
    case .constructors(let count):
      "\(count.pluralized("constructor")) \(count == 1 ? "runs" : "run") while it is loaded"
    case .staticTLS(let size):
      """
      each load takes \(size.pluralized("byte")) of static thread-local storage, of about \(StaticTLS.usualRoom) \
      bytes that the system's loader has for all libraries\(size > StaticTLS.small ? "; \(StaticTLS.advice)" : "")
      """
    case .go: "it contains Go code, which needs AMBIT_PLUGIN_THREADS"
    case .swift: "it needs the Swift runtime"
    case .runLoop:
      """
      it uses RunLoop.main or Timer, and no thread of the host runs a run loop: what is scheduled there never happens; \
      use ambit_every, or DispatchQueue.main for the main thread
      """
    case .exports(let names):
      "it exports symbols besides its entry (\(Self.list(names))); compile it with -fvisibility=hidden"
    }
  }

  private static func list(_ names: [String]) -> String {
    let shown = names.prefix(5).joined(separator: ", ")
    return names.count > 5 ? "\(shown) and \(names.count - 5) more" : shown
  }
}

extension LibraryFacts {
  /// The warnings about a library that should export only `entry`.
  public func warnings(entry: String) -> [LibraryWarning] {
    let others = exports.filter { $0 != entry }
    var warnings: [LibraryWarning] = []
    if constructors > 0 { warnings.append(.constructors(constructors)) }
    if staticTLSSize > 0 { warnings.append(.staticTLS(staticTLSSize)) }
    if usesSwift { warnings.append(.swift) }
    if needsRunLoop { warnings.append(.runLoop) }
    if usesGo { warnings.append(.go) }
    if !others.isEmpty { warnings.append(.exports(others)) }
    return warnings
  }
}

/// A property of a library because of which `dlclose` crashes the process later or has no effect.
public enum UnloadObstacle: Equatable, Codable, Sendable, CustomStringConvertible {
  /// It has no section table, which the other checks need.
  case unknown
  /// The Swift runtime keeps pointers to its types and conformances.
  case swift
  /// Its runtime has threads of its own and never ends.
  case go
  /// It is linked with `-z nodelete`.
  case noDelete
  /// It defines symbols that exist once in the process, so the loader keeps the library.
  case uniqueSymbol(String)
  /// It registers destructors of thread-local variables, which run when a thread ends.
  case threadLocalDestructors(String)
  /// It creates keys whose destructors run when a thread ends.
  case threadKeys(String)

  public var description: String {
    switch self {
    case .unknown: "it has no section table, so the host cannot tell whether unloading it is safe"
    case .swift: "it contains Swift code, and the Swift runtime keeps pointers into it"
    case .go: "it contains Go code, and the Go runtime never ends"
    case .noDelete: "it is linked with -z nodelete"
    case .uniqueSymbol(let name): "it defines the process-wide symbol \(name) (STB_GNU_UNIQUE)"
    case .threadLocalDestructors(let function):
      "it has thread-local variables with destructors (it calls \(function))"
    case .threadKeys(let function):
      "it creates thread-specific keys (it calls \(function)), whose destructors may run later"
    }
  }

  static func all(
    sections: [ELFSection], dynamic: ELFDynamic, symbols: ELFSymbols, usesSwift: Bool, usesGo: Bool
  ) -> [UnloadObstacle] {
    var found: [UnloadObstacle] = []
    if sections.isEmpty { found.append(.unknown) }
    if usesSwift { found.append(.swift) }
    if usesGo { found.append(.go) }
    if dynamic.isNoDelete { found.append(.noDelete) }
    if let name = symbols.unique.min() { found.append(.uniqueSymbol(name)) }
    let registrars = ["__cxa_thread_atexit", "__cxa_thread_atexit_impl"]
    if let name = registrars.first(where: symbols.imported.contains) { found.append(.threadLocalDestructors(name)) }
    let makers = ["pthread_key_create", "tss_create"]
    if let name = makers.first(where: symbols.imported.contains) { found.append(.threadKeys(name)) }
    return found
  }
}
