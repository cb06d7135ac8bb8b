internal import AmbitCore
internal import AmbitRuntime
internal import AmbitSystem
internal import CAmbit
internal import CLinux
internal import Glibc

/// A plugin whose library is mapped and whose entry was checked. Of its code only the library's constructors have run.
///
/// The library stays mapped until `unload`, so every pointer read from it stays valid: threads, thread-local
/// destructors, exit functions and language runtimes point into the library, and the host cannot find all of them. A
/// library whose entry is refused stays too, because its constructors have run.
package final class LoadedPlugin: Sendable {
  package let copy: PluginCopy
  /// The path that the loader found the library at; the copy's path, unless it is used in place.
  package let path: String
  package let declaration: PluginDeclaration
  /// The ABI that it was built for, "1.0"; empty for a library that is no plugin.
  let abi: String
  /// An address in the image whose code is its generation's: the address of the entry, or one in the private copy of a
  /// library; 0 for a library that is used in place, since the host and others run its code, too.
  let imageAddress: UInt
  /// What its load has taken of the loader's room for static thread-local storage; nil if nothing.
  package let staticTLS: StaticTLSUse?
  /// What its author should change although it is loaded, a line each.
  let warnings: [String]
  private let library: LibraryHandle
  /// The Swift runtime that it uses.
  let swift: SwiftUse
  /// Whether it is a library that is no plugin, opened for configured routes to its functions.
  package let isForeign: Bool

  /// Whether it is used in place: then all generations share one mapping and its variables.
  var isUsedInPlace: Bool { !copy.isPrivate }

  /// An address that a part of its file is mapped at.
  var address: UInt { library.address }

  /// The loader's identity for its image.
  var image: UInt { library.image }

  /// Addresses in the libraries that it brings along, as far as they are loaded. Blocks while the loader is busy.
  var broughtLibraries: [UInt] {
    copy.dependencies.filter(\.isBrought).compactMap { SystemLoader.library($0.copy.path)?.address }
  }

  /// The word before its name in messages.
  package var kind: String { isForeign ? "library" : "plugin" }

  /// Maps the copy and checks its entry. Blocks while the loader works and the library's constructors run.
  /// - Throws: all problems that could be found at once.
  package init(_ copy: PluginCopy) throws(PluginError) {
    self.copy = copy
    path = copy.path
    defer { CrashReport.noteLibraries() }
    (library, staticTLS) = try Self.open(copy)
    isForeign = false
    guard let entry = EntryReader(library) else {
      let reason = "no symbol \(AMBIT_PLUGIN_SYMBOL) in the library; is it defined with AMBIT_EXPORT?"
      throw PluginError(.noEntry, copy.file, reason)
    }
    imageAddress = entry.address
    try EntryHeaderCheck.check(entry.header, of: copy.file)
    abi = "\(entry.header.major).\(entry.header.minor)"
    declaration = try EntryCheck.declaration(of: entry.image, in: copy.file)
    swift = SwiftUse(of: library, hasSwiftCode: copy.usesSwift)
    try swift.check(declaration.flags, of: copy, named: declaration.name)
    let isOnThreads = declaration.flags.contains(.threads)
    guard isOnThreads || !copy.usesGo else { throw Self.goError(copy, declaration) }
    let isBlocking = declaration.routes.allSatisfy { $0.flags.contains(.blocking) }
    warnings = isOnThreads || isBlocking ? [] : LanguageRuntime.warnings(about: library)
  }

  private static func goError(_ copy: PluginCopy, _ declaration: PluginDeclaration) -> PluginError {
    PluginError(
      .malformedEntry, copy.file, plugin: declaration.name,
      """
      it contains Go code and does not declare AMBIT_PLUGIN_THREADS: a wait of Go code on the stack of a job crashes \
      the host; set .flags = AMBIT_PLUGIN_THREADS in its entry
      """)
  }

  /// Maps a library that is no plugin, as a plugin that declares nothing. Blocks while the loader works and the
  /// library's constructors run.
  package init(library copy: PluginCopy) throws(PluginError) {
    self.copy = copy
    defer { CrashReport.noteLibraries() }
    (library, staticTLS) = try Self.open(copy)
    path = library.path ?? copy.path
    swift = SwiftUse(of: library, hasSwiftCode: copy.usesSwift)
    abi = ""
    warnings = []
    declaration = unsafe PluginDeclaration(
      name: copy.file.path, version: "", about: "", flags: [], stackSize: 0, routes: [], start: nil, stop: nil,
      save: nil)
    imageAddress = copy.isPrivate ? library.address : 0
    isForeign = true
  }

  /// Its name in logs and in names of copies: "libz.so.1" for "./lib/libz.so.1".
  package var shortName: String { isForeign ? copy.file.lastName : declaration.name }

  /// What the library, or those that it is linked with, has under a name.
  func symbol(_ name: String) -> LibraryHandle.Symbol { library.symbol(name) }

  /// Maps the copy and checks that its entry is the same as in its dry run.
  package convenience init(_ copy: PluginCopy, expecting manifest: PluginManifest) throws(PluginError) {
    try self.init(copy)
    guard PluginManifest(of: self) == manifest else {
      let reason = "its entry differs from its entry in the dry run; does a constructor change it?"
      throw PluginError(.malformedEntry, copy.file, plugin: manifest.name, reason)
    }
  }

  /// Maps the copy. The libraries that it brings along are opened first and stay, because others may use them by the
  /// time that the copy goes.
  private static func open(_ copy: PluginCopy) throws(PluginError) -> (LibraryHandle, StaticTLSUse?) {
    ClosedDescriptors.restoreStreams()
    let taken = StaticTLSRoom.taken
    for path in copy.openedBefore {
      guard LibraryHandle.open(path) != nil else { throw loaderError(about: copy) }
    }
    let library = LibraryHandle.open(copy.path)
    // Calls that come between may clear the loader's message.
    let error = library == nil ? loaderError(about: copy) : nil
    ClosedDescriptors.restoreStreams(closedBy: "a constructor", of: copy.file.stem)
    if let error { throw error }
    LanguageRuntime.exposePython(of: library!, at: copy.path)
    return (library!, StaticTLSUse(since: taken))
  }

  /// Why the library stays mapped when its generation has ended; nil if it may be unmapped.
  package var unloadObstacle: String? {
    guard !isForeign else { return "it is not a plugin, and other code may use it" }
    guard declaration.flags.contains(.unloadable) else { return "it does not declare AMBIT_PLUGIN_UNLOADABLE" }
    return copy.unloadObstacle?.description
  }

  /// Unmaps the library, if it may be unmapped. The copy stays, since other workers may have mapped it. No code of the
  /// plugin may run any more, and nobody may use its pointers. Blocks while the library's destructors run.
  /// - Parameters:
  ///   - label: that of its generation, "hello/3", which is to blame for a crash of a destructor.
  ///   - loops: The loops that its jobs ran on. If a thread or a suspended job is inside the library, it stays.
  /// - Returns: why it is still mapped; nil if it is not.
  func unload(_ label: String, from loops: LoopGroup) -> String? {
    if let unloadObstacle { return unloadObstacle }
    if let occupant = loops.occupant(ofImageAround: imageAddress) { return occupant }
    CrashReport.noting("destructor", of: label) {
      library.close()
      ForkedChild.endIfReturnedFromLoading()
    }
    if let again = LibraryHandle.loaded(copy.path) {
      again.close()
      return "the loader keeps it mapped"
    }
    CrashReport.noteLibraries()
    return nil
  }

  /// The loader's message, about the operator's file instead of the copy.
  private static func loaderError(about copy: PluginCopy) -> PluginError {
    PluginError(.notLoadable, copy.file, copy.dependencies.naming(loaderMessage(about: copy)))
  }

  private static func loaderMessage(about copy: PluginCopy) -> String {
    guard let text = LibraryHandle.lastError else { return "the system's loader refused it without a reason" }
    let reason = text.replacing("\(copy.path): ", with: "").replacing(copy.path, with: copy.file.path)
    if reason.contains("static TLS block") { return "\(reason): \(StaticTLSRoom.shortage(for: copy))" }
    return reason.contains("failed to map") ? "\(reason)\(causeOfFailedMapping(of: copy))" : reason
  }

  /// Why the system does not map a library that was checked, after a message that says so; empty if it is not known.
  private static func causeOfFailedMapping(of copy: PluginCopy) -> String {
    let folder = Paths.folder(of: copy.path)
    if copy.isPrivate, Paths.isMountedNoExec(folder) {
      return ": its private copy lies on a file system mounted noexec: \(folder)"
    }
    let limit = ResourceLimit.addressSpace
    return limit.map { ", perhaps because the address space is limited to \($0 >> 20) MiB (ulimit -v)" } ?? ""
  }
}

extension LoadedPlugin {
  /// The functions of configured routes, in their order.
  /// - Throws: every function that is not there.
  func functions(of calls: [CallRoute]) throws(PluginError) -> [ambit_function] {
    try functions(calls.map(WantedFunction.init))
  }

  /// Refuses configured routes to functions that are not there, or may not run where they are to.
  package func check(_ calls: [CallRoute]) throws(PluginError) { try check(calls.map(WantedFunction.init)) }

  /// The functions of these names, in their order.
  /// - Throws: every function that is not there, or may not run where it is to.
  @discardableResult
  func check(_ wanted: [WantedFunction]) throws(PluginError) -> [ambit_function] {
    let functions = try functions(wanted)
    try refuseUnknownSafety(of: wanted, functions)
    return functions
  }

  /// The functions of these names, in their order.
  /// - Throws: every function that is not there.
  @discardableResult
  func functions(_ wanted: [WantedFunction]) throws(PluginError) -> [ambit_function] {
    var functions: [ambit_function] = []
    var errors: [PluginProblem] = []
    for function in wanted {
      let symbol = symbol(function.symbol)
      if case .function(let address) = symbol {
        functions.append(address)
      } else {
        let found = if case .variable = symbol { "a variable" } else { "none of that name" }
        let reason = "\(function.place): expected a function \(function.symbol) in it, found \(found)"
        errors.append(PluginProblem(code: .noFunction, plugin: declaration.name, file: copy.file.path, reason: reason))
      }
    }
    guard errors.isEmpty else { throw PluginError(problems: errors) }
    return functions
  }
}
