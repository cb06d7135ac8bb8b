package import AmbitCore
package import AmbitSystem
import CLinux
import Glibc
import Synchronization

/// The host's private folder of the libraries that it has loaded.
///
/// The loader identifies a library by path, device and inode. So each generation gets a file of its own, which stays as
/// long as it is mapped: with a reused inode number the loader would return the old code. A copy also protects the host
/// from changes of the operator's file: overwriting a mapped file in place crashes the process.
package final class PluginCopies: Sendable {
  private static let prefix = "ambit-host-"

  /// The folder of the private copies, of whatever process, that the file at `path` is one of; nil if it is none.
  static func folder(ofFile path: String) -> String? {
    var folder = Paths.folder(of: path)
    while folder != "/", folder.contains("/") {
      if folder[folder.lastIndex(of: "/")!...].dropFirst().hasPrefix(prefix) { return folder }
      folder = Paths.folder(of: folder)
    }
    return nil
  }

  package let path: String
  private let lock: Mutex<FolderLock>
  /// Who may read the copies.
  private let use: Mutex<FolderUse>
  /// How often the folder was made again.
  private let restorations = Atomic<Int>(0)
  private let count = Atomic<UInt64>(0)
  /// The copies that may be loaded, by path.
  private let loaded = Mutex<[String: PluginCopy]>([:])
  private let generations = Mutex(Generations())

  /// The copies that were made for generations.
  private struct Generations {
    /// Those that have not been removed, by path.
    var copies: [String: PluginCopy] = [:]
    /// The paths of those that no worker is to load any more.
    var unused: Set<String> = []

    /// These paths, and those of the libraries that the copies at them bring along.
    func closure(of paths: some Sequence<String>) -> Set<String> {
      paths.reduce(into: []) { all, path in
        all.insert(path)
        all.formUnion(copies[path]?.dependencies.map(\.copy.path) ?? [])
      }
    }
  }

  /// Makes a new folder in `parent`, and removes the folders of hosts that have ended. The file system must allow
  /// execution: see `PrivateFolder`.
  /// - Parameter use: whether processes of other users load the copies: see `share`.
  package init(in parent: String, for use: FolderUse = .own) throws(FileError) {
    Self.removeAbandoned(in: parent)
    // Absolute, because the loader uses an absolute path for what it finds by $ORIGIN.
    path = try makeUniqueFolder(in: Paths.absolute(parent), prefix: Self.prefix)
    lock = Mutex(try FolderLock(path, for: use))
    self.use = Mutex(use)
    if use == .shared { Paths.share(path) }
  }

  /// Lets processes of other users load the copies, also those that are made later. They stay this user's, who alone can
  /// change them. From any thread.
  package func share() {
    use.withLock { use in
      guard use == .own else { return }
      use = .shared
      Paths.share(path)
    }
  }

  private var presentUse: FolderUse { use.withLock { $0 } }

  /// Removes the folders beside this one of hosts that have ended. The folder of a host that was killed stays until its
  /// last worker has ended, so it may have been in use when this host started.
  package func removeAbandoned() { Self.removeAbandoned(in: Paths.folder(of: path)) }

  private static func removeAbandoned(in parent: String) {
    for name in (try? namesInFolder(parent)) ?? [] where name.hasPrefix(prefix) {
      let folder = "\(parent)/\(name)"
      if FolderLock.isAbandoned(folder) { removeFolder(folder) }
    }
  }

  /// Makes the folder again if somebody has removed it, or its lock, as cleaners of temporary files do. The libraries
  /// that are mapped stay mapped. From any thread.
  /// - Returns: whether it was made again.
  /// - Throws: if it cannot be made, or if another user has a folder of this name now.
  package func restore() throws(FileError) -> Bool {
    try lock.withLock { (lock) throws(FileError) in
      guard !lock.isInPlace(in: path) else { return false }
      try Paths.makeFolders(path, for: presentUse)
      let status = try FileStatus(ofLink: path)
      guard status.kind == .folder, status.owner == geteuid() else {
        throw FileError(subject: path, action: "use it, because it was replaced by another user", code: EPERM)
      }
      lock = try FolderLock(path, for: presentUse)
      restorations.add(1, ordering: .relaxed)
      return true
    }
  }

  /// Writes the file of a copy again, from `content`, which is the same, if somebody has removed it. The file gets its
  /// name when it is whole. From any thread.
  func replaceIfRemoved(_ copy: PluginCopy, by content: PluginContent) throws(PluginError) {
    guard !Paths.exists(copy.path) else { return }
    let new = newPath("\(Paths.shortened(content.file.copyName)).new")
    try content.copy(to: new, for: presentUse)
    do throws(FileError) {
      try Paths.makeFolders(Paths.folder(of: copy.path), for: presentUse)
      try Paths.rename(new, to: copy.path)
    } catch {
      Paths.remove(new)
      throw PluginError(.unreadable, content.file, "cannot make a private copy: \(error)")
    }
  }

  /// Writes the opener of a copy again if somebody has removed it. From any thread.
  /// - Returns: whether it was missing.
  func replaceOpenerIfRemoved(of copy: PluginCopy) throws(PluginError) -> Bool {
    guard let opener = copy.opener, !Paths.exists(opener) else { return false }
    let new = newPath("\(Paths.shortened(copy.file.copyName)).new")
    try writeOpener(new, of: copy)
    do throws(FileError) { try Paths.rename(new, to: opener) } catch {
      Paths.remove(new)
      throw PluginError(.unreadable, copy.file, "cannot make a private copy: \(error)")
    }
    return true
  }

  /// A path in the folder that no file has had.
  private func newPath(_ beginning: String) -> String {
    "\(path)/\(beginning)-\(count.add(1, ordering: .relaxed).newValue).so"
  }

  /// Copies a library to a new file, and checks that it is one for this machine that can be loaded.
  package func add(_ content: PluginContent) throws(PluginError) -> PluginCopy {
    let (copy, facts) = try copy(content)
    do throws(PluginError) {
      try facts.refuseUnlessLoadable(content.file)
    } catch {
      discard(copy)
      throw error
    }
    return copy
  }

  /// The content of a copy that was made before; nil if somebody has removed or changed its file.
  package func content(of copy: PluginCopy) -> PluginContent? {
    let place = PluginFile(path: copy.file.path, location: copy.path, isLibrary: copy.file.isLibrary)
    guard copy.isPrivate, let content = try? PluginContent(of: place, settle: .zero, limit: .max),
      content.hash == copy.hash
    else { return nil }
    return content.taken(for: copy.file)
  }

  /// Copies a library to a new file, and reads the copy's ELF tables without loading it.
  package func copy(_ content: PluginContent) throws(PluginError) -> (copy: PluginCopy, facts: LibraryFacts) {
    let file = content.file
    let copy = newPath("\(Paths.shortened(file.copyName)).new")
    try content.copy(to: copy, for: presentUse)
    do throws(PluginError) {
      let facts = try LibraryFacts(ofCopy: copy, of: file)
      return (PluginCopy(file: file, hash: content.hash, of: facts, path: copy), facts)
    } catch {
      Paths.remove(copy)
      throw error
    }
  }

  /// Renames a copy that was not loaded yet to `NAME.GENERATION.BUILD.so`, so that people and debuggers find the build.
  /// BUILD is the beginning of the build ID, or of the hash if there is no build ID.
  package func name(_ copy: PluginCopy, plugin: String, generation: UInt64) throws(PluginError) -> PluginCopy {
    let build = (copy.buildID ?? copy.hash?.description ?? "").prefix(12)
    let name = freeName("\(Paths.shortened(plugin)).\(generation).\(build)")
    do throws(FileError) {
      try Paths.rename(copy.path, to: name)
    } catch {
      throw PluginError(.unreadable, copy.file, "cannot make a private copy: \(error)")
    }
    var named = copy
    named.path = name
    generations.withLock { [named] in $0.copies[name] = named }
    if named.file.isLibrary { loaded.withLock { [named] in $0[name] = named } }
    return named
  }

  /// The copy at `path` that may be loaded; nil if there is none.
  func loadedCopy(at path: String) -> PluginCopy? { loaded.withLock { $0[path] } }

  /// The copy of the same content that was made as a dependency; nil if there is none.
  package func dependency(like copy: PluginCopy) -> PluginCopy? {
    guard let hash = copy.hash else { return nil }
    let folder = folder(of: hash)
    return loaded.withLock { $0.first { $0.key.hasPrefix("\(folder)/") }?.value }
  }

  private func folder(of hash: SHA256) -> String { "\(path)/\(hash.description.prefix(32))" }

  /// Copies a library that others are linked with as `name`. The copy keeps this name, in a folder of its own, because
  /// the loader finds it by this name only. Each content is copied once.
  func addDependency(_ content: PluginContent, named name: String) throws(PluginError) -> PluginCopy {
    let folder = folder(of: content.hash)
    if let copy = loadedCopy(at: "\(folder)/\(name)"), Paths.exists(copy.path) { return copy }
    var copy = try self.copy(content).copy
    do throws(FileError) {
      try Paths.makeOwnFolder(folder, for: presentUse)
      try Paths.rename(copy.path, to: "\(folder)/\(name)")
    } catch {
      discard(copy)
      throw PluginError(.unreadable, content.file, "cannot make a private copy: \(error)")
    }
    copy.path = "\(folder)/\(name)"
    loaded.withLock { [copy] in $0[copy.path] = copy }
    return copy
  }

  /// Adds to `copy` the libraries that `other`, of the same content, has brought along.
  package func attach(dependenciesOf other: PluginCopy, to copy: PluginCopy) throws(PluginError) -> PluginCopy {
    try attach(other.dependencies, to: copy)
  }

  /// Adds to `copy` the libraries that it brings along. `dependencies` are in the order in which to open them.
  package func attach(_ dependencies: [Dependency], to copy: PluginCopy) throws(PluginError) -> PluginCopy {
    var copy = copy
    copy.dependencies = dependencies
    let named = namedCopies(in: dependencies)
    // The loader knows a copy that was loaded for routes by its SONAME.
    copy.openedBefore = dependencies.map(\.copy.path).filter { path in
      contains(path) && !named.contains { "\(self.path)/\($0.folder)/\($0.name)" == path }
    }
    guard !named.isEmpty else { return copy }
    let opener = newPath("\(Paths.shortened(copy.file.copyName)).links")
    try writeOpener(opener, of: copy)
    copy.openedBefore.append(opener)
    copy.opener = opener
    return copy
  }

  /// Writes the library that is linked with the dependencies of `copy` by their names.
  private func writeOpener(_ opener: String, of copy: PluginCopy) throws(PluginError) {
    let named = namedCopies(in: copy.dependencies)
    do throws(FileError) {
      try OpenFile(creatingOwn: opener, mode: presentUse.fileMode).write(
        StubLibrary.bytes(linkedWith: named.map(\.name), in: Set(named.map(\.folder)).sorted()))
    } catch {
      throw PluginError(.unreadable, copy.file, "cannot make a private copy: \(error)")
    }
  }

  /// The copies that were made as dependencies: each has its name, in a folder of its own.
  private func namedCopies(in dependencies: [Dependency]) -> [(folder: String, name: String)] {
    dependencies.map(\.copy.path).filter(contains).compactMap { path in
      let parts = path.dropFirst(self.path.count + 1).split(separator: "/").map(String.init)
      return parts.count == 2 ? (parts[0], parts[1]) : nil
    }
  }

  /// A path that no copy has. A library may have the name of a plugin, or of another library in another folder, and the
  /// loader takes two files of one path for one library, even when the first is gone.
  private func freeName(_ name: String) -> String {
    let round = restorations.load(ordering: .relaxed)
    let beginning = "\(path)/\(name)" + (round > 0 ? "~\(round)" : "")
    var path = "\(beginning).so"
    var number = 2
    while Paths.exists(path) {
      path = "\(beginning)-\(number).so"
      number += 1
    }
    return path
  }

  /// Removes a copy that was not loaded here. A file that is used in place is the operator's and stays.
  package func discard(_ copy: PluginCopy) {
    generations.withLock { generations in
      generations.copies[copy.path] = nil
      generations.unused.remove(copy.path)
    }
    if copy.isPrivate { Paths.remove(copy.path) }
    if let opener = copy.opener { Paths.remove(opener) }
  }

  /// Notes that workers are to load no other copies of generations than these, which serve. Call it while no reload
  /// runs.
  package func noteServing(_ serving: [PluginCopy]) {
    generations.withLock { generations in
      let used = generations.closure(of: serving.map(\.path))
      generations.unused = Set(generations.copies.keys).subtracting(used)
    }
  }

  /// Removes the copies that no worker is to load any more. From any thread.
  /// - Parameter mapped: the paths of those that workers may have mapped: a crash report needs their files.
  package func removeUnused(besides mapped: Set<String>) {
    let removed = generations.withLock { generations in
      let paths = generations.unused.subtracting(generations.closure(of: mapped))
      return paths.compactMap { generations.copies[$0] }
    }
    for copy in removed { discard(copy) }
  }

  /// Whether the file at `path` is one of the copies.
  func contains(_ path: String) -> Bool { Self.isFile(path, in: self.path) }

  /// Whether the file at `path` is one of the copies in `folder`, which may be another process's.
  static func isFile(_ path: String, in folder: String) -> Bool { path.hasPrefix("\(folder)/") }

  /// Removes the folder with all copies. Call it when no plugin's code runs any more: a crash report needs the file of
  /// a library to name its functions.
  package func remove() { removeFolder(path) }
}

extension PluginFile {
  /// The beginning of a copy's name.
  fileprivate var copyName: String { isLibrary ? lastName : stem }
}
