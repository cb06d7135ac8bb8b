internal import AmbitSystem
internal import AmbitCore
internal import Glibc

/// A library that a plugin, or a library of routes, is linked with and brings along: its RUNPATH says where it is.
///
/// The system's loader would look for it beside the private copy. So the host looks for it beside the operator's file
/// and opens a copy of it first: the loader takes a library that it has for every other of that name.
package struct Dependency: Codable, Sendable {
  /// The name that the plugin is linked with: `libhelper.so.1`.
  package let name: String
  /// The operator's file.
  let location: String
  /// Whether it is found by a RUNPATH, and the host opens it. Otherwise the loader finds it.
  let isBrought: Bool
  /// The copy that the loader uses for the name. It can have other content, if that was loaded under this name before.
  let copy: PluginCopy
  /// Why another library than the operator's file is used, and what to do; nil if the file is used.
  package let note: String?
  /// The process uses an older version of the file, and a new process would use the present one.
  package private(set) var isOutdated = false
}

extension [Dependency] {
  /// Whether the loader uses the same libraries for the same names.
  package func areLoadedLike(_ others: [Dependency]) -> Bool {
    let (own, other) = (filter(\.isBrought), others.filter(\.isBrought))
    return own.count == other.count && zip(own, other).allSatisfy { $0.name == $1.name && $0.copy.path == $1.copy.path }
  }

  /// A message of the system's loader with the operator's files instead of the copies.
  func naming(_ text: String) -> String {
    filter(\.copy.isPrivate).reduce(text) { text, dependency in
      text.replacing(dependency.copy.path, with: dependency.location)
    }
  }

  /// Whether a new process would use another version of one of them.
  package var areOutdated: Bool { contains(where: \.isOutdated) }

  /// The notes for the operator.
  package var notes: [String] { compactMap(\.note) }
}

/// Finds the libraries that plugins bring along.
package struct DependencyResolver {
  private let copies: PluginCopies
  private let settle: Duration
  private let trust: FileTrust
  private let limit: Int
  private let loaded: (_ name: String, _ file: String?) throws(PluginError) -> LoadedLibrary?
  /// The copies to prefer to the operator's files: for a plugin that is itself a last good copy, and served with these
  /// libraries.
  package var lastGood: LastGoodCopies?
  /// The library that each name was first resolved to, loaded or not.
  private var found: [String: Dependency] = [:]

  /// - Parameter loaded: Returns the library that the process which serves has under a name: see `LoadedLibrary`.
  package init(
    copies: PluginCopies, settle: Duration, trust: FileTrust, limit: Int = PluginContent.defaultLimit,
    loaded: @escaping (_ name: String, _ file: String?) throws(PluginError) -> LoadedLibrary?
  ) {
    (self.copies, self.settle, self.trust, self.limit, self.loaded) = (copies, settle, trust, limit, loaded)
  }

  /// The libraries that `copy`, a copy of `file`, brings along, and those that these libraries bring along. Each comes
  /// after the ones that it is linked with. A library that the loader finds in the system's folders is in the list only
  /// if an old version stays in use. Libraries that a process can have only once are not in the list. Reads and copies
  /// files.
  /// - Throws: the first library that cannot be used, and why.
  package mutating func dependencies(of copy: PluginCopy, in file: PluginFile) throws(PluginError) -> [Dependency] {
    var list: [Dependency] = []
    var visited: Set<String> = []
    try add(copy.links, of: file.location, for: file, to: &list, &visited)
    return list
  }

  /// Whether the process that serves has loaded other copies under the names of these libraries. It would use those.
  package func areLoadedOtherwise(_ dependencies: [Dependency]) throws(PluginError) -> Bool {
    for dependency in dependencies where dependency.isBrought {
      guard let library = try loaded(dependency.name, dependency.location) else { continue }
      if copies.contains(library.path), library.path != dependency.copy.path { return true }
    }
    return false
  }

  private mutating func add(
    _ links: LibraryLinks, of location: String, for file: PluginFile, to list: inout [Dependency],
    _ visited: inout Set<String>
  ) throws(PluginError) {
    for name in links.needed where visited.insert(name).inserted && !InPlaceUse.isNeverCopied(name) {
      let path = links.file(of: name, from: location)
      let library: LoadedLibrary?
      do throws(PluginError) { library = try loaded(name, path) } catch { throw error.ofDependency(name, of: file) }
      let dependency =
        if let path { try brought(name, at: path, library, for: file) } else { stale(name, library, for: file) }
      guard let dependency else { continue }
      if let path, dependency.isBrought { try add(dependency.copy.links, of: path, for: file, to: &list, &visited) }
      list.append(dependency)
    }
  }

  /// A library that is found by a RUNPATH. If other code has loaded a library under the name, the worker uses that one;
  /// a worker that starts later has not, and the dry run has not either, so there is a copy all the same.
  private mutating func brought(
    _ name: String, at path: String, _ library: LoadedLibrary?, for file: PluginFile
  ) throws(PluginError) -> Dependency {
    let content = try content(name, at: path, for: file)
    let other = library.flatMap { otherNote(name, path, content, $0) }
    let known = library.flatMap { copies.loadedCopy(at: $0.path) } ?? found[name]?.copy
    if let known {
      let isSame = known.hash == content.hash
      // A dry run opens the file of the copy.
      if isSame { try copies.replaceIfRemoved(known, by: content) }
      let note = other ?? (isSame ? nil : Self.note(name, path, instead: known.file.location))
      return Dependency(
        name: name, location: path, isBrought: true, copy: known, note: note,
        isOutdated: !isSame && other == nil && known.file.location == path)
    }
    let copy: PluginCopy
    do throws(PluginError) { copy = try copies.addDependency(content, named: name) } catch {
      throw error.ofDependency(path, of: file)
    }
    let dependency = Dependency(name: name, location: path, isBrought: true, copy: copy, note: other)
    found[name] = dependency
    return dependency
  }

  /// Why a library that is no copy is used, which other code has opened by its name; nil if it has the same content.
  private func otherNote(
    _ name: String, _ path: String, _ content: PluginContent, _ library: LoadedLibrary
  ) -> String? {
    guard !copies.contains(library.path), !library.isAskedFile else { return nil }
    let other = try? PluginContent(of: PluginFile(library: name, at: library.path), settle: .zero, limit: limit)
    return other?.hash == content.hash ? nil : Self.note(name, path, instead: library.path)
  }

  /// A library that the loader finds without the host, if it has an old version of it; else nil.
  private func stale(
    _ name: String, _ library: LoadedLibrary?, for file: PluginFile
  ) -> Dependency? {
    guard let library else { return nil }
    if let copy = copies.loadedCopy(at: library.path) {
      guard let path = library.foundFile, let content = try? content(name, at: path, for: file) else {
        return nil
      }
      let isOld = content.hash != copy.hash
      return Dependency(
        name: name, location: path, isBrought: false, copy: copy,
        note: isOld ? Self.note(name, path, instead: path) : nil, isOutdated: isOld)
    }
    guard library.hasLostFile else { return nil }
    let copy = PluginCopy(InPlaceUse(name: name, isHostsOwn: false), of: PluginFile(library: name, at: library.path))
    return Dependency(
      name: name, location: library.path, isBrought: false, copy: copy,
      note: Self.note(name, library.path, instead: library.path), isOutdated: true)
  }

  private func content(_ name: String, at path: String, for file: PluginFile) throws(PluginError) -> PluginContent {
    do throws(PluginError) {
      if let lastGood, let content = try? lastGood.content(ofDependency: name, at: path, trust: trust, limit: limit) {
        return content
      }
      return try PluginContent(
        of: PluginFile(library: name, at: path), settle: settle, trust: trust, limit: limit)
    } catch {
      throw error.ofDependency(path, of: file)
    }
  }

  /// Why the library that was loaded from `other` is used and not the file at `path`: the loader has one library of a
  /// name.
  private static func note(_ name: String, _ path: String, instead other: String) -> String {
    let found = "linked with \(name), found at \(path), but "
    guard other != path else {
      return found + "an older version of it is loaded under this name and stays in use: restart the host"
    }
    return found
      + "another library is loaded under this name, from \(other), and is used: give one of them another name"
  }
}

extension PluginError {
  /// The same error with the operator's files instead of the copies of `dependencies`.
  func naming(_ dependencies: [Dependency]) -> PluginError {
    PluginError(
      problems: problems.map {
        PluginProblem(code: $0.code, plugin: $0.plugin, file: $0.file, reason: dependencies.naming($0.reason))
      })
  }

  /// The same error, about the plugin in `file`, which brings along the library at `path`.
  func ofDependency(_ path: String, of file: PluginFile) -> PluginError {
    PluginError(
      problems: problems.map { problem in
        PluginProblem(
          code: problem.code, plugin: file.stem, file: file.path, reason: "its library \(path): \(problem.reason)")
      })
  }
}

extension LibraryLinks {
  /// The file that the loader would find by the RUNPATH of a library at `location`: ld.so(8). Nil if the loader finds
  /// the library elsewhere, or not at all.
  func file(of name: String, from location: String) -> String? {
    guard !name.contains("/") else { return nil }
    let absolute = Paths.absolute(location)
    let origin = String(absolute[..<absolute.lastIndex(of: "/")!])
    if !searchesFirst, LibrarySearch.isInEnvironment(name) { return nil }
    return searchPath.lazy.map { LibrarySearch.expand($0, origin: origin) }
      .filter { !LibrarySearch.isSystemFolder($0) }.map { "\($0)/\(name)" }.first(where: LibrarySearch.isForThisMachine)
  }
}
