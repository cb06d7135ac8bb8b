internal import AmbitCore
internal import AmbitRuntime
internal import AmbitSystem
internal import CAmbit
internal import CLinux
internal import Glibc

/// A plugin whose library is mapped and whose entry was checked. No code of the plugin but its library's constructors
/// has run.
///
/// The library stays mapped, so that every pointer read from it is good for the life of the process: threads,
/// thread-local destructors, exit functions and language runtimes of a plugin point into its library, and none of them
/// can be found and counted from outside. It goes away only by `unload`. A library whose entry is refused stays too,
/// because its constructors have run by then.
package final class LoadedPlugin: Sendable {
  package let copy: PluginCopy
  /// Where the loader has found the library; the copy's path, unless it is used in place.
  package let path: String
  package let declaration: PluginDeclaration
  /// What it was built for, as "1.0"; empty for a library that is no plugin.
  let abi: String
  /// An address in the library, the entry's; 0 if it has none.
  let imageAddress: UInt
  private let library: LibraryHandle
  /// It is a library that knows nothing of this host, opened for functions that the operator makes routes of.
  package let isForeign: Bool

  /// Other generations use the same mapping: it was not copied. Its variables are one set for all of them.
  var isUsedInPlace: Bool { !copy.isPrivate }

  /// Where a part of its file is mapped.
  var address: UInt { library.address }

  /// The loader's identity for its image.
  var image: UInt { library.image }

  /// What to call it in front of its name.
  package var kind: String { isForeign ? "library" : "plugin" }

  /// Maps the copy and checks its entry. Blocks while the loader works and the library's constructors run.
  /// - Throws: every reason against the plugin that could be found at once.
  package init(_ copy: PluginCopy) throws(PluginError) {
    self.copy = copy
    path = copy.path
    defer { CrashReport.noteLibraries() }
    library = try Self.open(copy)
    isForeign = false
    guard let entry = EntryReader(library) else {
      let reason = "no symbol \(AMBIT_PLUGIN_SYMBOL) in the library; is it defined with AMBIT_EXPORT?"
      throw PluginError(.noEntry, copy.file, reason)
    }
    imageAddress = entry.address
    try EntryHeaderCheck.check(entry.header, of: copy.file)
    abi = "\(entry.header.major).\(entry.header.minor)"
    declaration = try EntryCheck.declaration(of: entry.image, in: copy.file)
  }

  /// Maps a library that is no plugin, and takes it for one that declares nothing. Blocks while the loader works and the
  /// library's constructors run.
  package init(library copy: PluginCopy) throws(PluginError) {
    self.copy = copy
    defer { CrashReport.noteLibraries() }
    library = try Self.open(copy)
    path = library.path ?? copy.path
    abi = ""
    declaration = unsafe PluginDeclaration(
      name: copy.file.path, version: "", about: "", flags: [], stackSize: 0, routes: [], start: nil, stop: nil,
      save: nil)
    imageAddress = 0
    isForeign = true
  }

  /// Its name where it stands for itself, in logs and the names of copies: "libz.so.1" of "./lib/libz.so.1".
  package var shortName: String { isForeign ? copy.file.lastName : declaration.name }

  /// What the library, or those that it is linked with, has under a name.
  func symbol(_ name: String) -> LibraryHandle.Symbol { library.symbol(name) }

  /// Maps the copy and checks that its entry says what it said in its dry run.
  package convenience init(_ copy: PluginCopy, expecting manifest: PluginManifest) throws(PluginError) {
    try self.init(copy)
    guard PluginManifest(of: self) == manifest else {
      let reason = "its entry is not the one that it had in its dry run; does a constructor change it?"
      throw PluginError(.malformedEntry, copy.file, plugin: manifest.name, reason)
    }
  }

  /// Maps the copy. The libraries that it brings along are opened first and stay, because others may use them by the time
  /// that the copy goes.
  private static func open(_ copy: PluginCopy) throws(PluginError) -> LibraryHandle {
    ClosedDescriptors.restoreStreams()
    for path in copy.openedBefore {
      guard LibraryHandle.open(path, of: copy.file.stem) != nil else { throw loaderError(about: copy) }
    }
    let library = LibraryHandle.open(copy.path, of: copy.file.stem)
    // Calls that come between may clear the loader's message.
    let error = library == nil ? loaderError(about: copy) : nil
    ClosedDescriptors.restoreStreams(closedBy: "a constructor", of: copy.file.stem)
    if let error { throw error }
    return library!
  }

  /// Why the library stays when its generation has ended; nil if it may go.
  package var unloadObstacle: String? {
    guard !isForeign else { return "it is no plugin, and others may use it" }
    guard declaration.flags.contains(.unloadable) else { return "it does not declare AMBIT_PLUGIN_UNLOADABLE" }
    return copy.unloadObstacle?.description
  }

  /// Unmaps the library if nothing stands in the way, and removes the copy. No code of the plugin runs any more, and
  /// none of its pointers is used from now on. Blocks while the library's destructors run.
  /// - Parameter loops: Where its jobs have run; their threads and all others are looked at. A library that somebody is
  ///   inside stays.
  /// - Returns: why it is still mapped; nil if it is not.
  func unload(from loops: LoopGroup) -> String? {
    if let unloadObstacle { return unloadObstacle }
    if let occupant = loops.occupant(ofImageAround: imageAddress) { return occupant }
    library.close()
    ForkedChild.endIfReturned(fromLoading: copy.file.stem)
    if let again = LibraryHandle.loaded(copy.path) {
      again.close()
      return "the loader keeps it mapped"
    }
    CrashReport.noteLibraries()
    Paths.remove(copy.path)
    return nil
  }

  /// The loader's message, about the operator's file instead of the copy.
  private static func loaderError(about copy: PluginCopy) -> PluginError {
    PluginError(.notLoadable, copy.file, copy.dependencies.naming(loaderMessage(about: copy)))
  }

  private static func loaderMessage(about copy: PluginCopy) -> String {
    guard let text = LibraryHandle.lastError else { return "the system's loader refused it without a reason" }
    let reason = text.replacing("\(copy.path): ", with: "").replacing(copy.path, with: copy.file.path)
    guard reason.contains("static TLS block") else { return reason }
    return
      "\(reason): the loader keeps little room for thread-local storage of this kind, and libraries that were loaded before "
      + "have used it; restart the host, or give the loader more room (GLIBC_TUNABLES=glibc.rtld.optional_static_tls)"
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
