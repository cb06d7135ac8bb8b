internal import AmbitCore
internal import AmbitSystem
import CLinux
import Glibc
import Synchronization

/// The last good copies of a configuration's plugins and libraries. A last good copy is the content that started last
/// and was published. If a file is bad when the host starts, the host serves its last good copy.
///
/// The copies are in the host's state folder, in a folder named after the path of `host.conf`. There is one file for
/// each plugin and library, named by a key and its SHA-256. A file gets its name only when its bytes are on the
/// disk, so a crash leaves the previous copy. For the control thread.
package final class LastGoodCopies: Sendable {
  /// Why there are no last good copies, or why one cannot be kept, to be printed after a colon.
  package struct Unavailable: Error, CustomStringConvertible {
    package let description: String

    package init(description: String) { self.description = description }
  }

  package let path: String
  private let configuration: String
  private let trust: FileTrust
  /// The names of files that this process has read or written, and that were intact.
  private let intact = Mutex<Set<String>>([])

  /// Makes the folder if there is none.
  /// - Parameters:
  ///   - configuration: The absolute path of `host.conf`. Its links are not resolved: a deployment that points a link to
  ///     a new folder must find the copies of before.
  ///   - environment: The variables that name the state folder: see `stateFolder`.
  ///   - trust: Whether others may be able to change the copies.
  /// - Throws: if copies cannot be written there, or could not be used.
  package init(
    of configuration: String, environment: [String: String], trust: FileTrust
  ) throws(Unavailable) {
    guard let state = Self.stateFolder(environment, isRoot: geteuid() == 0) else {
      throw Unavailable(description: "neither STATE_DIRECTORY nor XDG_STATE_HOME nor HOME is set")
    }
    path = "\(state)/last-good/\(SHA256.key(configuration))"
    self.configuration = configuration
    self.trust = trust
    try makeFolder()
  }

  /// Makes the folder if there is none, and checks it. An operator may remove it while the host runs.
  private func makeFolder() throws(Unavailable) {
    do throws(FileError) {
      try Paths.makeFolders(path)
      try Paths.checkWritable(path)
    } catch {
      throw Unavailable(description: "\(error)")
    }
    guard !Paths.isMountedNoExec(path) else {
      throw Unavailable(description: "\(path) lies on a file system mounted noexec")
    }
    do throws(UntrustedFile) { try trust.check(path) } catch { throw Unavailable(description: "\(error)") }
    if !Paths.exists("\(path)/configuration") { note(configuration) }
  }

  /// The folder for files that outlive the host: the first one of `STATE_DIRECTORY` (systemd.exec(5)), else
  /// /var/lib/ambit for root, else `ambit` in `XDG_STATE_HOME` or in ~/.local/state.
  package static func stateFolder(_ environment: [String: String], isRoot: Bool) -> String? {
    if let first = environment["STATE_DIRECTORY"]?.split(separator: ":").first { return Paths.absolute(String(first)) }
    if isRoot { return "/var/lib/ambit" }
    // The specification calls relative paths invalid.
    if let folder = environment["XDG_STATE_HOME"], folder.hasPrefix("/") { return "\(folder)/ambit" }
    if let home = environment["HOME"], home.hasPrefix("/") { return "\(home)/.local/state/ambit" }
    return nil
  }

  /// Notes in the folder, for people, which `host.conf` the copies belong to.
  private func note(_ configuration: String) {
    _ = try? OpenFile(creatingOwn: "\(path)/configuration", mode: 0o600).write(Array("\(configuration)\n".utf8))
  }

  /// The last good content of `file`; nil if there is none. Messages name the path of `file`.
  /// - Throws: if the copy cannot be used, because others could have changed it or it is damaged.
  package func content(of file: PluginFile, trust: FileTrust, limit: Int) throws(PluginError) -> PluginContent? {
    try content(of: file, key: Self.key(of: file), trust: trust, limit: limit)
  }

  /// The last good content of a library that plugins bring along under `name`, and that is now at `location`.
  func content(
    ofDependency name: String, at location: String, trust: FileTrust, limit: Int
  ) throws(PluginError) -> PluginContent? {
    let file = PluginFile(library: name, at: location)
    return try content(of: file, key: Self.key(ofDependency: name), trust: trust, limit: limit)
  }

  private func content(
    of file: PluginFile, key: String, trust: FileTrust, limit: Int
  ) throws(PluginError) -> PluginContent? {
    var firstError: PluginError?
    for copy in copies(under: key) {
      let place = PluginFile(path: file.path, location: "\(path)/\(copy.name)", isLibrary: file.isLibrary)
      do throws(PluginError) {
        let content = try PluginContent(of: place, settle: .zero, trust: trust, limit: limit)
        if content.hash.description == copy.hash { return content.taken(for: file) }
        throw PluginError(.unreadable, file, "\(place.location) is damaged: its SHA-256 differs from its name")
      } catch {
        firstError = firstError ?? error
      }
    }
    if let firstError { throw firstError }
    return nil
  }

  /// Keeps `copy`, which serves, as the last good copy of `file`, and the libraries that it brings along likewise.
  /// Removes the previous copies. Blocks until everything is on the disk.
  /// - Throws: if it cannot be written; the previous copy stays then, if there is one.
  package func keep(_ copy: PluginCopy, as file: PluginFile) throws(Unavailable) {
    if !Paths.exists(path) { try makeFolder() }
    do throws(FileError) {
      for dependency in copy.dependencies where dependency.isBrought && dependency.copy.isPrivate {
        try keep(dependency.copy, under: Self.key(ofDependency: dependency.name))
      }
      try keep(copy, under: Self.key(of: file))
    } catch {
      throw Unavailable(description: "\(error)")
    }
  }

  /// The SHA-256 of the copy of `file`, in hexadecimal; nil if there is none.
  package func hash(of file: PluginFile) -> String? { copies(under: Self.key(of: file)).first?.hash }

  /// Whether there is a copy of `file`.
  package func hasCopy(of file: PluginFile) -> Bool { !copies(under: Self.key(of: file)).isEmpty }

  private func keep(_ copy: PluginCopy, under key: String) throws(FileError) {
    guard let hash = copy.hash?.description else { return }
    let name = "\(key).\(hash).so"
    if !isIntact(name, hash: hash) { try write(copy.path, as: name, hash: hash) }
    for other in copies(under: key) where other.name != name { Paths.remove("\(path)/\(other.name)") }
  }

  /// Removes all copies but those of `files` and of the libraries that `serving` bring along, and the temporary files
  /// of hosts that ended while they wrote.
  package func removeAll(but files: [PluginFile], serving: [PluginCopy] = []) {
    let dependencies = serving.flatMap(\.dependencies).map { Self.key(ofDependency: $0.name) }
    let keys = Set(files.map(Self.key(of:)) + dependencies)
    for name in (try? namesInFolder(path)) ?? [] {
      let key = name.split(separator: ".").first.map(String.init) ?? ""
      if name.hasSuffix(".so"), !keys.contains(key) { Paths.remove("\(path)/\(name)") }
      // `.KEY.PID.new`
      if name.hasSuffix(".new"), let writer = name.split(separator: ".").dropLast().last.flatMap({ pid_t($0) }),
        kill(writer, 0) == -1, errno == ESRCH
      {
        Paths.remove("\(path)/\(name)")
      }
    }
  }

  private struct Entry {
    let name: String
    let hash: String
    let modified: Int64
  }

  /// The copies under `key`, the newest first: after a crash the previous copy can be there too.
  private func copies(under key: String) -> [Entry] {
    let entries = ((try? namesInFolder(path)) ?? []).compactMap { name -> Entry? in
      let parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 3, parts[0] == key, parts[2] == "so" else { return nil }
      let status = try? FileStatus(of: "\(path)/\(name)")
      return status.map { Entry(name: name, hash: parts[1], modified: $0.modified) }
    }
    return entries.sorted { $0.modified > $1.modified }
  }

  /// The key of a file: made of its name in the plugin directory, or of the library's name in `host.conf`. Both stay
  /// when a deploy replaces folders.
  private static func key(of file: PluginFile) -> String {
    SHA256.key(file.isLibrary ? "library \(file.path)" : "plugin \(file.lastName)")
  }

  /// The key of a dependency, by its name: the loader has one library of a name.
  private static func key(ofDependency name: String) -> String { SHA256.key("dependency \(name)") }

  private func isIntact(_ name: String, hash: String) -> Bool {
    if intact.withLock({ $0.contains(name) }) { return Paths.exists("\(path)/\(name)") }
    var found = SHA256.Pieces()
    guard let source = try? OpenFile(reading: "\(path)/\(name)"),
      (try? source.readPieces(upTo: .max, { found.append($0.span) })) != nil, found.hash.description == hash
    else { return false }
    intact.withLock { _ = $0.insert(name) }
    return true
  }

  /// Writes a copy in steps that leave either nothing or the whole copy, even if the machine fails meanwhile.
  private func write(_ source: String, as name: String, hash: String) throws(FileError) {
    let temporary = "\(path)/.\(name.prefix(16)).\(getpid()).new"
    Paths.remove(temporary)
    defer { Paths.remove(temporary) }
    var found = SHA256.Pieces()
    let copy = try OpenFile(creatingOwn: temporary, mode: 0o600)
    try OpenFile(reading: source).readPieces(upTo: .max) { (piece) throws(FileError) in
      found.append(piece.span)
      try copy.write(piece)
    }
    guard found.hash.description == hash else {
      throw FileError(subject: source, action: "copy it, because it differs from the loaded file", code: EIO)
    }
    try copy.sync()
    try Paths.rename(temporary, to: "\(path)/\(name)")
    try OpenFile(reading: path).sync()
    intact.withLock { _ = $0.insert(name) }
  }
}
