internal import AmbitSystem
internal import AmbitCore
internal import CLinux
internal import Glibc

/// A library of configured routes as it was found, before anything of it runs: where it is, and whether the host is to
/// load a copy of it.
package struct FoundLibrary: Sendable {
  /// What `host.conf` calls it, and its file.
  package let file: PluginFile
  /// Why the library is used in place; nil if a copy is to be made.
  package let use: InPlaceUse?

  /// Looks for the library. Asks the system's loader what it has, so it waits as long as the loader is busy.
  /// - Parameters:
  ///   - name: what it is called in messages.
  ///   - path: what the loader would be asked for: a name, or a path if there is a slash in it.
  ///   - copies: the host's own copies, which do not count as what the loader has.
  /// - Throws: `.missing` if there is no such file.
  package init(_ name: String, at path: String, besides copies: PluginCopies) throws(PluginError) {
    if !path.contains("/") {
      let loaded = SystemLoader.path(of: path).flatMap { copies.contains($0) ? nil : $0 }
      if loaded != nil || InPlaceUse.isNeverCopied(path) {
        file = PluginFile(library: name, at: loaded ?? LibrarySearch().file(of: path) ?? path)
        use = InPlaceUse(name: path, loadedFrom: loaded)
        return
      }
    }
    let location = path.contains("/") ? path : LibrarySearch().file(of: path)
    file = PluginFile(library: name, at: location ?? path)
    guard let location, unsafe access(location, F_OK) == 0 else {
      let reason = "cannot open shared object file: \(SystemError.text(location == nil ? ENOENT : errno))"
      let isAbsent = location == nil || [ENOENT, ENOTDIR].contains(errno)
      throw PluginError(isAbsent ? .missing : .unreadable, file, reason)
    }
    use = Self.useInPlace(of: location)
  }

  /// Names of the C library and the like stand for what they are only where they are the system's: a file of that name
  /// which is not loaded yet is used in place too.
  private static func useInPlace(of path: String) -> InPlaceUse? {
    let isLoaded = LoadedImages().map { $0.contains(fileAt: path) } ?? (SystemLoader.path(of: path) != nil)
    let names = [path, Paths.real(path)].map { PluginFile(path: $0).lastName }
    if isLoaded { return InPlaceUse(name: path, loadedFrom: SystemLoader.path(of: path)) }
    guard let name = names.first(where: InPlaceUse.isNeverCopied), SystemLoader.path(of: name) == nil else {
      return nil
    }
    return InPlaceUse(name: path, loadedFrom: nil)
  }

  /// Refuses a copy of a library of which a process has one only, under whatever name the file goes; `soname` is what the
  /// library calls itself.
  func refuseSecond(soname: String?) throws(PluginError) {
    guard let soname, InPlaceUse.isNeverCopied(soname) else { return }
    throw PluginError(
      .notLoadable, file,
      "its SONAME is \(soname), of which a process has one only, and the host has that of the system; write \(soname) "
        + "in its place")
  }
}

/// What there is of a library of routes now: of the file itself if it is used in place, else its content.
package enum LibraryVersion: Sendable {
  case inPlace(PluginFile, InPlaceUse)
  case copied(FoundLibrary, PluginContent)
}

extension PluginCopy {
  /// Whether a library that was loaded is what is there now.
  package func isSame(as version: LibraryVersion) -> Bool {
    switch version {
    case .inPlace(_, let use): inPlace?.name == use.name
    case .copied(_, let content): hash == content.hash
    }
  }
}

extension PluginCopies {
  /// Removes a copy that was not loaded here, since `other` has the same content and is loaded already.
  /// - Returns: the same file of the operator's with that copy.
  package func replace(_ copy: PluginCopy, by other: PluginCopy) -> PluginCopy {
    Paths.remove(copy.path)
    var copy = copy
    copy.path = other.path
    return copy
  }

  /// What is to be loaded of a library: a copy, or the file itself.
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
  /// The same of a library that is called by a name, with the file that the name stands for.
  package func locating(_ file: PluginFile) -> PluginError {
    guard !file.path.contains("/") else { return self }
    return PluginError(
      problems: problems.map {
        PluginProblem(code: $0.code, plugin: $0.plugin, file: $0.file, reason: "\(file.location): \($0.reason)")
      })
  }
}
