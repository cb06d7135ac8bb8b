import AmbitCore
import AmbitRuntime
import AmbitSystem
import CAmbit
import CLinux
import Glibc

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
  private let handle: Unchecked<UnsafeMutableRawPointer>
  /// It is a library that knows nothing of this host, opened for functions that the operator makes routes of.
  package let isForeign: Bool

  /// Other generations use the same mapping: it was not copied. Its variables are one set for all of them.
  var isUsedInPlace: Bool { !copy.isPrivate }

  /// Where a part of its file is mapped.
  var address: UInt { UInt(clinux_library_address(handle.value)) }

  /// What the loader knows its image by.
  var image: UInt { UInt(bitPattern: handle.value) }

  /// What to call it in front of its name.
  package var kind: String { isForeign ? "library" : "plugin" }

  /// Maps the copy and checks its entry. Blocks while the loader works and the library's constructors run.
  /// - Throws: every reason against the plugin that could be found at once.
  package init(_ copy: PluginCopy) throws(PluginError) {
    self.copy = copy
    path = copy.path
    defer { CrashReport.noteLibraries() }
    let handle = try Self.open(copy)
    self.handle = Unchecked(handle)
    isForeign = false
    let entry = try Self.entry(of: copy, in: handle)
    imageAddress = UInt(bitPattern: entry)
    let header = EntryReader.header(of: entry)
    try EntryHeaderCheck.check(header, of: copy.file)
    abi = "\(header.major).\(header.minor)"
    let image = EntryReader.image(of: entry)
    declaration = try EntryCheck.declaration(of: image, in: copy.file)
  }

  /// Maps a library that is no plugin, and takes it for one that declares nothing. Blocks while the loader works and the
  /// library's constructors run.
  package init(library copy: PluginCopy) throws(PluginError) {
    self.copy = copy
    defer { CrashReport.noteLibraries() }
    let handle = try Self.open(copy)
    self.handle = Unchecked(handle)
    path = clinux_library_path(handle).map { String(cString: $0) } ?? copy.path
    abi = ""
    declaration = PluginDeclaration(
      name: copy.file.path, version: "", about: "", flags: [], stackSize: 0, routes: [], start: nil, stop: nil,
      save: nil)
    imageAddress = 0
    isForeign = true
  }

  /// Its name where it stands for itself, in logs and the names of copies: "libz.so.1" of "./lib/libz.so.1".
  package var shortName: String { isForeign ? copy.file.lastName : declaration.name }

  /// The function of that name; nil if the library and those it is linked with have none.
  func symbol(_ name: String) -> UnsafeMutableRawPointer? { dlsym(handle.value, name) }

  /// Maps the copy and checks that its entry says what it said in its dry run.
  package convenience init(_ copy: PluginCopy, expecting manifest: PluginManifest) throws(PluginError) {
    try self.init(copy)
    guard PluginManifest(of: self) == manifest else {
      let reason = "its entry is not the one that it had in its dry run; does a constructor change it?"
      throw PluginError(.malformedEntry, copy.file, plugin: manifest.name, reason)
    }
  }

  /// Binds everything now, so that a missing symbol is known here and not at the first request; keeps the library's
  /// symbols to itself, since a later version would otherwise be bound to those of an earlier one.
  ///
  /// What the copy brings along is opened first, and stays: by the time that it could go, others may use it too.
  private static func open(_ copy: PluginCopy) throws(PluginError) -> UnsafeMutableRawPointer {
    ClosedDescriptors.restoreStreams()
    for path in copy.openedBefore {
      let library = dlopen(path, RTLD_NOW | RTLD_LOCAL)
      ForkedChild.endIfReturned(fromLoading: copy.file.stem)
      guard library != nil else {
        throw PluginError(.notLoadable, copy.file, copy.dependencies.naming(loaderMessage(about: copy)))
      }
    }
    let handle = dlopen(copy.path, RTLD_NOW | RTLD_LOCAL)
    ForkedChild.endIfReturned(fromLoading: copy.file.stem)
    ClosedDescriptors.restoreStreams(closedBy: "a constructor", of: copy.file.stem)
    guard let handle else {
      throw PluginError(.notLoadable, copy.file, copy.dependencies.naming(loaderMessage(about: copy)))
    }
    return handle
  }

  private static func entry(
    of copy: PluginCopy, in handle: UnsafeMutableRawPointer
  ) throws(PluginError) -> UnsafeRawPointer {
    guard let entry = dlsym(handle, AMBIT_PLUGIN_SYMBOL) else {
      let reason = "no symbol \(AMBIT_PLUGIN_SYMBOL) in the library; is it defined with AMBIT_EXPORT?"
      throw PluginError(.noEntry, copy.file, reason)
    }
    return UnsafeRawPointer(entry)
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
    dlclose(handle.value)
    ForkedChild.endIfReturned(fromLoading: copy.file.stem)
    if let again = dlopen(copy.path, RTLD_LAZY | RTLD_NOLOAD) {
      dlclose(again)
      return "the loader keeps it mapped"
    }
    CrashReport.noteLibraries()
    unlink(copy.path)
    return nil
  }

  /// What the loader says, about the operator's file instead of the copy.
  private static func loaderMessage(about copy: PluginCopy) -> String {
    guard let text = dlerror() else { return "the system's loader refused it without a reason" }
    let reason = String(cString: text).replacing("\(copy.path): ", with: "")
      .replacing(copy.path, with: copy.file.path)
    guard reason.contains("static TLS block") else { return reason }
    return
      "\(reason): the loader keeps little room for thread-local storage of this kind, and what was loaded before has used it; "
      + "restart the host, or give the loader more room (GLIBC_TUNABLES=glibc.rtld.optional_static_tls)"
  }
}
