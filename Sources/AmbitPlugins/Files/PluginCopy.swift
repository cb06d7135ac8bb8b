package import AmbitCore
internal import AmbitSystem

/// The file that is loaded for a plugin or a library of routes: a private copy, checked to be a library for this machine;
/// or the file itself of a library that is used in place, which is neither copied nor read. It stays in memory with the library, so it holds what is
/// asked for then, and no more of what is known of the file.
package struct PluginCopy: Sendable {
  package let file: PluginFile
  /// Nil if the file was not read.
  package let hash: SHA256?
  /// The linker's number of the build; nil if it gave none, or if the file was not read.
  package let buildID: String?
  /// Why the library could not be unmapped; nil if nothing is known against it.
  let unloadObstacle: UnloadObstacle?
  /// Of a copy the whole path; else what the loader is asked for, which can be a name.
  package internal(set) var path: String
  /// Why the file itself is used, not a copy; nil of a copy.
  package let inPlace: InPlaceUse?

  /// What it is linked with, and where.
  let links: LibraryLinks
  /// What it brings along.
  package internal(set) var dependencies: [Dependency] = []
  /// The libraries that are to be opened before it, by path.
  var openedBefore: [String] = []
  /// The one of these that was made for it; nil if there is none.
  var opener: String?

  /// It is a file of the host's own.
  package var isPrivate: Bool { inPlace == nil }

  /// A library that is used in place.
  init(_ use: InPlaceUse, of file: PluginFile) {
    self.file = file
    (hash, buildID, unloadObstacle) = (nil, nil, nil)
    path = use.name
    inPlace = use
    links = LibraryLinks()
  }

  /// A copy, of which `facts` are known.
  init(file: PluginFile, hash: SHA256?, of facts: LibraryFacts? = nil, path: String) {
    self.file = file
    self.hash = hash
    buildID = facts?.buildID
    unloadObstacle = facts?.unloadObstacles.first
    inPlace = nil
    links = facts?.links ?? LibraryLinks()
    self.path = path
  }
}

extension PluginCopy {
  /// A copy that another process has made and checked, at `path`.
  init(reading path: String, of file: PluginFile, hash: String) throws(PluginError) {
    self.init(
      file: file, hash: SHA256(hexadecimal: hash), of: try LibraryFacts(ofCopy: path, of: file), path: path)
  }
}

extension LibraryFacts {
  /// What the private copy at `path` says of the library in `file`. It is mapped for that, and only what is looked at gets
  /// into memory.
  init(ofCopy path: String, of file: PluginFile) throws(PluginError) {
    let facts: Result<LibraryFacts, ELFError>
    do throws(FileError) {
      facts = try withMappedBytes(of: path) { (bytes) throws(ELFError) in try LibraryFacts(of: bytes) }
    } catch {
      throw PluginError(.unreadable, file, "no private copy of it: \(error)")
    }
    do throws(ELFError) { self = try facts.get() } catch {
      throw PluginError(.notALibrary, file, error.description)
    }
  }

  /// Refuses the library in `file` if the loader would take it for a library and it is none, or could take it a few times
  /// only.
  package func refuseUnlessLoadable(_ file: PluginFile) throws(PluginError) {
    do throws(ELFError) {
      try checkLoadable(asLibrary: file.isLibrary)
    } catch {
      throw PluginError(.notALibrary, file, error.description)
    }
  }
}

extension PluginCopy {
  /// The functions of the library whose frames can step over the guard of a stack, by their address; empty if the copy
  /// cannot be read, or is no library. Blocks for some 20 ms per MB of code.
  package func largeFrames() -> [LargeFrame] {
    let found = try? withMappedBytes(of: path) { (bytes) throws(ELFError) in try LargeFrame.all(in: bytes) }
    return (try? found?.get()) ?? []
  }
}
