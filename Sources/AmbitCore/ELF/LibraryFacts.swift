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
