internal import AmbitSystem
internal import AmbitCore
internal import CLinux
internal import Glibc

/// A library of configured routes, as a process that serves has found it: the path, and whether the host loads a copy.
/// Nothing of it has run.
package struct FoundLibrary: Codable, Sendable, Equatable {
  /// The name in `host.conf`, and the file.
  package let file: PluginFile
  /// Why the library is used in place; nil if the host makes a copy.
  package let use: InPlaceUse?

  init(file: PluginFile, use: InPlaceUse?) { (self.file, self.use) = (file, use) }

  /// Looks for the library, by what the loader of this process has. Blocks while the loader is busy.
  /// - Parameters:
  ///   - name: Its name in messages.
  ///   - path: A path if it has a slash, else a name that the loader searches for.
  ///   - copies: The folder of the host's private copies, which do not count as loaded.
  /// - Throws: `.missing` if there is no such file.
  package init(_ name: String, at path: String, besides copies: String) throws(PluginError) {
    if !path.contains("/") {
      let loaded = SystemLoader.path(of: path).flatMap { PluginCopies.isFile($0, in: copies) ? nil : $0 }
      if loaded != nil || InPlaceUse.isNeverCopied(path) {
        file = PluginFile(library: name, at: loaded ?? LibrarySearch().file(of: path) ?? path)
        use = InPlaceUse(name: path, loadedFrom: loaded)
        return
      }
    }
    guard !path.contains("/") else {
      file = PluginFile(library: name, at: path)
      guard unsafe access(path.systemPath, F_OK) == 0 else {
        let code = errno
        let reason = "cannot open shared object file: \(SystemError.text(code))"
        throw PluginError([ENOENT, ENOTDIR].contains(code) ? .missing : .unreadable, file, reason)
      }
      use = Self.useInPlace(of: path)
      return
    }
    let search = LibrarySearch()
    let location = search.file(of: path)
    file = PluginFile(library: name, at: location ?? path)
    guard let location else {
      let version = search.otherVersion(of: path).map { "; did you mean \($0)?" } ?? ""
      throw PluginError(.missing, file, "cannot open shared object file: \(SystemError.text(ENOENT))\(version)")
    }
    use = Self.useInPlace(of: location)
  }

  /// A file with the name of a system library, such as the C library, is used in place even if it is not loaded yet,
  /// unless the process has another library under that name.
  private static func useInPlace(of path: String) -> InPlaceUse? {
    let isLoaded = LoadedImages().map { $0.contains(fileAt: path) } ?? (SystemLoader.path(of: path) != nil)
    let names = [path, Paths.real(path)].map { PluginFile(path: $0).lastName }
    if isLoaded { return InPlaceUse(name: path, loadedFrom: SystemLoader.path(of: path)) }
    guard let name = names.first(where: InPlaceUse.isNeverCopied), SystemLoader.path(of: name) == nil else {
      return nil
    }
    return InPlaceUse(name: path, loadedFrom: nil)
  }

  /// Throws if the library's SONAME is that of a library that a process can have only once, whatever its file is
  /// called.
  func refuseSecond(soname: String?) throws(PluginError) {
    guard let soname, InPlaceUse.isNeverCopied(soname) else { return }
    throw PluginError(
      .notLoadable, file,
      "its SONAME is \(soname): a process can have only one such library, and the host has loaded the system's; "
        + "write \(soname) in its place")
  }
}

extension FoundLibrary {
  /// The answer that holds for all workers. They differ when a worker was replaced: the new one has loaded only what
  /// serves now, the others also libraries of plugins that have gone.
  ///
  /// If the library serves already, an answer that keeps it as it was loaded counts first. Else it is used in place if
  /// one worker would: that worker has it, and a copy beside it would have variables of its own. The other workers load
  /// the file from the same place.
  /// - Parameters:
  ///   - answers: What the workers have found, at least one.
  ///   - loaded: The library that serves now; nil if none does.
  package static func agreed(_ answers: [FoundLibrary], serving loaded: PluginCopy?) -> FoundLibrary {
    let kept = loaded.flatMap { loaded in answers.first { $0.use?.name == loaded.inPlace?.name } }
    return kept ?? answers.first { $0.use != nil } ?? answers[0]
  }
}

/// The present version of a library of routes: the file if it is used in place, else its content.
package enum LibraryVersion: Sendable {
  case inPlace(PluginFile, InPlaceUse)
  case copied(FoundLibrary, PluginContent)
}

extension PluginCopy {
  /// Whether the loaded library is the present version.
  package func isSame(as version: LibraryVersion) -> Bool {
    switch version {
    case .inPlace(_, let use): inPlace?.name == use.name
    case .copied(_, let content): hash == content.hash
    }
  }
}

extension PluginCopies {
  /// Removes a copy that was not loaded, because `other` has the same content and is loaded.
  /// - Returns: `copy` with the path of `other`.
  package func replace(_ copy: PluginCopy, by other: PluginCopy) -> PluginCopy {
    Paths.remove(copy.path)
    var copy = copy
    copy.path = other.path
    return copy
  }

  /// The file to load for a library: a new copy, or the file itself.
  package func add(_ version: LibraryVersion) throws(PluginError) -> PluginCopy {
    switch version {
    case .inPlace(let file, let use): return PluginCopy(use, of: file)
    case .copied(let found, let content):
      do throws(PluginError) { return try add(found, content) } catch { throw error.locating(found.file) }
    }
  }

  private func add(_ found: FoundLibrary, _ content: PluginContent) throws(PluginError) -> PluginCopy {
    let (copy, facts) = try copy(content)
    do throws(PluginError) {
      try facts.refuseUnlessLoadable(content.file)
      try found.refuseSecond(soname: facts.soname)
      return copy
    } catch {
      discard(copy)
      throw error
    }
  }
}

extension PluginError {
  /// The same error with the path of the file, if the library was configured by a name.
  package func locating(_ file: PluginFile) -> PluginError {
    guard !file.path.contains("/") else { return self }
    return PluginError(
      problems: problems.map {
        PluginProblem(code: $0.code, plugin: $0.plugin, file: $0.file, reason: "\(file.location): \($0.reason)")
      })
  }
}
