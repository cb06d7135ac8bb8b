package import AmbitCore
internal import AmbitSystem

/// The file that is loaded for a plugin or a library of routes: a private copy, which was checked to be a library for
/// this machine; or the operator's file of a library that is used in place, which is neither copied nor read. The value
/// stays in memory with the library, so it holds only the facts that are needed then.
package struct PluginCopy: Codable, Sendable {
  package let file: PluginFile
  /// Nil if the file was not read.
  package let hash: SHA256?
  /// The build ID; nil if the library has none, or if the file was not read.
  package let buildID: String?
  /// Why the library must not be unmapped; nil if no reason is known.
  let unloadObstacle: UnloadObstacle?
  /// Whether it contains Swift code; false if the file was not read.
  let usesSwift: Bool
  /// Whether it schedules work on a run loop that nobody runs; false if the file was not read.
  package let needsRunLoop: Bool
  /// Whether it sets values of `@TaskLocal` variables; false if the file was not read.
  var setsTaskLocals: Bool
  /// The bytes that it takes of the loader's room for static thread-local storage; 0 if the file was not read.
  let staticTLSSize: Int
  /// Whether it contains Go code; false if the file was not read.
  package let usesGo: Bool
  /// The path of a copy; for a library that is used in place the path or name that the loader is asked for.
  package internal(set) var path: String
  /// Why the file itself is used; nil for a copy.
  package let inPlace: InPlaceUse?

  /// The libraries that it is linked with, and where they are searched for.
  let links: LibraryLinks
  /// The libraries that it brings along.
  package internal(set) var dependencies: [Dependency] = []
  /// The paths of the libraries to open before it.
  var openedBefore: [String] = []
  /// The one of `openedBefore` that was generated for it; nil if there is none.
  var opener: String?

  /// Whether it is a private copy.
  package var isPrivate: Bool { inPlace == nil }

  /// A library that is used in place.
  init(_ use: InPlaceUse, of file: PluginFile) {
    self.file = file
    (hash, buildID, unloadObstacle) = (nil, nil, nil)
    (usesSwift, setsTaskLocals, needsRunLoop) = (false, false, false)
    (staticTLSSize, usesGo) = (0, false)
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
    usesSwift = facts?.usesSwift ?? false
    setsTaskLocals = facts?.setsTaskLocals ?? false
    needsRunLoop = facts?.needsRunLoop ?? false
    staticTLSSize = facts?.staticTLSSize ?? 0
    usesGo = facts?.usesGo ?? false
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
  /// Reads the facts of the library in `file` from its private copy at `path`. The copy is mapped, and only the pages
  /// that are read get into memory.
  init(ofCopy path: String, of file: PluginFile) throws(PluginError) {
    let facts: Result<LibraryFacts, ELFError>
    do throws(FileError) {
      facts = try withMappedBytes(of: path) { (bytes) throws(ELFError) in try LibraryFacts(of: bytes) }
    } catch {
      throw PluginError(.unreadable, file, "cannot make a private copy: \(error)")
    }
    do throws(ELFError) { self = try facts.get() } catch {
      throw PluginError(.notALibrary, file, error.description)
    }
  }

  /// Throws if the loader would accept the file although it is no library.
  package func refuseUnlessLoadable(_ file: PluginFile) throws(PluginError) {
    do throws(ELFError) {
      try checkLoadable()
    } catch {
      throw PluginError(.notALibrary, file, error.description)
    }
  }
}

extension PluginCopy {
  /// The functions of the library whose frames can skip the guard of a stack, by their address; empty if the copy
  /// cannot be read, or is no library. Functions of Go have stacks of their own, whose bounds they check. Blocks for
  /// some 20 ms per MB of code.
  package func largeFrames() -> [LargeFrame] {
    guard !usesGo else { return [] }
    let found = try? withMappedBytes(of: path) { (bytes) throws(ELFError) in try LargeFrame.all(in: bytes) }
    return (try? found?.get()) ?? []
  }
}
