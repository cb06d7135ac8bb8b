internal import AmbitSystem
internal import AmbitCore
internal import Glibc

/// A library that a plugin, or a library of routes, brings along: it is linked with it, and its RUNPATH says where.
///
/// The system's loader would look for it where the copy lies. So the host finds it where the operator's file lies, and
/// opens a copy of it first: the loader takes a library that it has for each of its name.
package struct Dependency: Sendable {
  /// What the other is linked with: `libhelper.so.1`.
  package let name: String
  /// The operator's file.
  let location: String
  /// It is found by a RUNPATH, and the host opens it; otherwise the loader finds it by itself.
  let isBrought: Bool
  /// What the loader takes for the name: a copy of that content, or of another that was loaded under this name before.
  let copy: PluginCopy
  /// Why the operator's file is not what is used, and what to do; nil if it is.
  package let note: String?
}

extension [Dependency] {
  /// Whether the loader takes the same libraries for the same names.
  package func areLoadedLike(_ others: [Dependency]) -> Bool {
    let (own, other) = (filter(\.isBrought), others.filter(\.isBrought))
    return own.count == other.count && zip(own, other).allSatisfy { $0.name == $1.name && $0.copy.path == $1.copy.path }
  }

  /// A text of the system's loader, about the operator's files instead of the copies.
  func naming(_ text: String) -> String {
    filter(\.copy.isPrivate).reduce(text) { text, dependency in
      text.replacing(dependency.copy.path, with: dependency.location)
    }
  }

  /// What the operator should know.
  package var notes: [String] { compactMap(\.note) }
}

/// Finds the libraries that plugins bring along.
package struct DependencyResolver {
  private let copies: PluginCopies
  private let settle: Duration
  private let trust: FileTrust
  private let limit: Int
  private let loaded: (String) throws(PluginError) -> SystemLoader.Library?
  /// Where a library is taken from before the operator's file: for a plugin that is itself a last good copy, which served
  /// with these libraries.
  package var lastGood: LastGoodCopies?
  /// What each name was first taken for, loaded or not.
  private var found: [String: Dependency] = [:]

  /// - Parameter loaded: tells what the system's loader has under a name; left out, the loader is asked on this thread.
  package init(
    copies: PluginCopies, settle: Duration, trust: FileTrust, limit: Int = PluginContent.defaultLimit,
    loaded: ((String) throws(PluginError) -> SystemLoader.Library?)? = nil
  ) {
    (self.copies, self.settle, self.trust, self.limit) = (copies, settle, trust, limit)
    self.loaded = loaded ?? { SystemLoader.library($0) }
  }

  /// The libraries that `copy`, a copy of `file`, and these libraries themselves bring along; each behind those that it is
  /// linked with. Those that the loader finds by itself in the system's folders are left to it, and are in the list only
  /// if an old version stays in use; those of which a process has one only are not in the list. Reads and copies files.
  /// - Throws: what is wrong with one of them.
  package mutating func dependencies(of copy: PluginCopy, in file: PluginFile) throws(PluginError) -> [Dependency] {
    var list: [Dependency] = []
    var visited: Set<String> = []
    try add(copy.links, of: file.location, for: file, to: &list, &visited)
    return list
  }

  private mutating func add(
    _ links: LibraryLinks, of location: String, for file: PluginFile, to list: inout [Dependency],
    _ visited: inout Set<String>
  ) throws(PluginError) {
    for name in links.needed where visited.insert(name).inserted && !InPlaceUse.isNeverCopied(name) {
      let library: SystemLoader.Library?
      do throws(PluginError) { library = try loaded(name) } catch { throw error.ofDependency(name, of: file) }
      let path = links.file(of: name, from: location)
      let dependency =
        if let path { try brought(name, at: path, library, for: file) } else { stale(name, library, for: file) }
      guard let dependency else { continue }
      if let path, dependency.isBrought { try add(dependency.copy.links, of: path, for: file, to: &list, &visited) }
      list.append(dependency)
    }
  }

  /// Nil if the loader has the operator's file itself.
  private mutating func brought(
    _ name: String, at path: String, _ library: SystemLoader.Library?, for file: PluginFile
  ) throws(PluginError) -> Dependency? {
    if let library, !copies.contains(library.path) { return try inPlace(name, at: path, library, for: file) }
    let content = try content(name, at: path, for: file)
    let known = library.flatMap { copies.loadedCopy(at: $0.path) } ?? found[name]?.copy
    if let known {
      let note = known.hash == content.hash ? nil : Self.note(name, path, instead: known.file.location)
      return Dependency(name: name, location: path, isBrought: true, copy: known, note: note)
    }
    let copy: PluginCopy
    do throws(PluginError) { copy = try copies.addDependency(content, named: name) } catch {
      throw error.ofDependency(path, of: file)
    }
    let dependency = Dependency(name: name, location: path, isBrought: true, copy: copy, note: nil)
    found[name] = dependency
    return dependency
  }

  /// One that the loader has, and that is no copy: something has opened it by its name.
  private func inPlace(
    _ name: String, at path: String, _ library: SystemLoader.Library, for file: PluginFile
  ) throws(PluginError) -> Dependency? {
    guard LoadedImages()?.contains(fileAt: path) != true else { return nil }
    let content = try content(name, at: path, for: file)
    let other = try? PluginContent(of: PluginFile(library: name, at: library.path), settle: .zero, limit: limit)
    guard other?.hash != content.hash else { return nil }
    let copy = PluginCopy(InPlaceUse(name: name, isHostsOwn: false), of: PluginFile(library: name, at: library.path))
    return Dependency(
      name: name, location: path, isBrought: false, copy: copy, note: Self.note(name, path, instead: library.path))
  }

  /// One that the loader finds by itself, if it has an old version of it.
  private func stale(
    _ name: String, _ library: SystemLoader.Library?, for file: PluginFile
  ) -> Dependency? {
    guard let library else { return nil }
    if let copy = copies.loadedCopy(at: library.path) {
      guard let path = LibrarySearch().file(of: name), let content = try? content(name, at: path, for: file) else {
        return nil
      }
      let isOld = content.hash != copy.hash
      return Dependency(
        name: name, location: path, isBrought: false, copy: copy,
        note: isOld ? Self.note(name, path, instead: path) : nil)
    }
    guard LoadedImages()?.hasLostFile(at: library.address) == true else { return nil }
    let copy = PluginCopy(InPlaceUse(name: name, isHostsOwn: false), of: PluginFile(library: name, at: library.path))
    return Dependency(
      name: name, location: library.path, isBrought: false, copy: copy,
      note: Self.note(name, library.path, instead: library.path))
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

  /// Why the file at `path` is not used but the one that was loaded from `other`: the loader has one library of a name.
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
  /// The same about the operator's files instead of the copies of what a plugin brings along.
  func naming(_ dependencies: [Dependency]) -> PluginError {
    PluginError(
      problems: problems.map {
        PluginProblem(code: $0.code, plugin: $0.plugin, file: $0.file, reason: dependencies.naming($0.reason))
      })
  }

  /// The same of the plugin in `file`, which brings along the library at `path`.
  func ofDependency(_ path: String, of file: PluginFile) -> PluginError {
    PluginError(
      problems: problems.map { problem in
        PluginProblem(
          code: problem.code, plugin: file.stem, file: file.path, reason: "its library \(path): \(problem.reason)")
      })
  }
}

extension LibraryLinks {
  /// Where the loader would find a library that it is linked with, if it lay at `location` itself: ld.so(8). Nil if the
  /// loader finds the library without it, or not at all.
  func file(of name: String, from location: String) -> String? {
    guard !name.contains("/") else { return nil }
    let absolute = location.hasPrefix("/") ? location : "\(Paths.workingFolder ?? ".")/\(location)"
    let origin = String(absolute[..<absolute.lastIndex(of: "/")!])
    if !searchesFirst, LibrarySearch.isInEnvironment(name) { return nil }
    return searchPath.lazy.map { LibrarySearch.expand($0, origin: origin) }
      .filter { !LibrarySearch.isSystemFolder($0) }.map { "\($0)/\(name)" }.first(where: LibrarySearch.isForThisMachine)
  }
}
