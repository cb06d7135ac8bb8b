internal import AmbitCore
package import AmbitSystem
import CLinux
import Glibc
import Synchronization

/// The last good copies of a configuration's plugins and libraries: of each the content that started last and was
/// published. A start that meets a bad file serves the last good copy instead.
///
/// They lie in the host's state folder, in a folder that is named after the real path of `host.conf`: one file for each
/// plugin and library, whose name tells whose it is and what its SHA-256 is. A file gets its name only when its bytes are
/// on the disk, so a crash leaves the copy before it. For the control thread.
package final class LastGoodCopies: Sendable {
  /// Why there are no last good copies, to be read after a colon.
  package struct Unavailable: Error, CustomStringConvertible {
    package let description: String

    package init(description: String) { self.description = description }
  }

  package let path: String
  /// The names of files that are known to be intact, as they were read or written by this process.
  private let intact = Mutex<Set<String>>([])

  /// Makes the folder if there is none.
  /// - Parameters:
  ///   - configuration: The path of `host.conf`; nil for a host without one, whose working folder stands for it.
  ///   - environment: Where the state folder is looked up: see `stateFolder`.
  ///   - trust: Whether others may be able to change the copies.
  /// - Throws: if copies could not be written there, or not be used.
  package init(
    of configuration: String?, environment: [String: String], trust: FileTrust
  ) throws(Unavailable) {
    guard let state = Self.stateFolder(environment, isRoot: geteuid() == 0) else {
      throw Unavailable(description: "neither STATE_DIRECTORY nor XDG_STATE_HOME nor HOME is set")
    }
    let identity = Paths.real(configuration ?? ".") + (configuration == nil ? "/host.conf" : "")
    let key = SHA256(of: Array(identity.utf8).span).description.prefix(16)
    path = "\(state)/last-good/\(key)"
    do throws(FileError) {
      try Self.makeFolders(path)
      try Paths.checkWritable(path)
    } catch {
      throw Unavailable(description: "\(error)")
    }
    guard !Paths.isMountedNoExec(path) else {
      throw Unavailable(description: "\(path) lies on a file system mounted noexec")
    }
    do throws(UntrustedFile) { try trust.check(path) } catch { throw Unavailable(description: "\(error)") }
    note(identity)
  }

  /// Where the host keeps what outlives it: the first folder of `STATE_DIRECTORY` (systemd.exec(5)), else /var/lib/ambit
  /// for root, else `ambit` in `XDG_STATE_HOME` or in ~/.local/state.
  static func stateFolder(_ environment: [String: String], isRoot: Bool) -> String? {
    if let first = environment["STATE_DIRECTORY"]?.split(separator: ":").first { return String(first) }
    if isRoot { return "/var/lib/ambit" }
    // Relative ones are invalid by the specification.
    if let folder = environment["XDG_STATE_HOME"], folder.hasPrefix("/") { return "\(folder)/ambit" }
    if let home = environment["HOME"], home.hasPrefix("/") { return "\(home)/.local/state/ambit" }
    return nil
  }

  /// For this user alone, as far as they do not exist.
  private static func makeFolders(_ path: String) throws(FileError) {
    var folder = path.hasPrefix("/") ? "" : "."
    for name in path.split(separator: "/") {
      folder += "/\(name)"
      // What is there need not let anybody make it.
      if !Paths.exists(folder) { try Paths.makeFolder(folder) }
    }
  }

  /// Tells people whose copies these are.
  private func note(_ identity: String) {
    _ = try? OpenFile(creating: "\(path)/configuration", mode: 0o600).write(Array("\(identity)\n".utf8))
  }

  /// The last good content of `file`, which messages go on calling by its own path; nil if there is none.
  /// - Throws: if there is one that cannot be used: others could have changed it, or it is damaged.
  package func content(of file: PluginFile, trust: FileTrust, limit: Int) throws(PluginError) -> PluginContent? {
    try content(of: file, key: Self.key(of: file), trust: trust, limit: limit)
  }

  /// The same of a library that plugins bring along under `name`, now found at `location`.
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
        throw PluginError(.unreadable, file, "\(place.location) is damaged: its SHA-256 is not that of its name")
      } catch {
        firstError = firstError ?? error
      }
    }
    if let firstError { throw firstError }
    return nil
  }

  /// Makes the content of `copy`, which serves, the last good one of `file`, that of the libraries that it brings along
  /// theirs, and removes the ones before. Blocks until that is on the disk.
  /// - Throws: if it cannot be written; what was before it stays then.
  package func keep(_ copy: PluginCopy, as file: PluginFile) throws(FileError) {
    for dependency in copy.dependencies where dependency.isBrought && dependency.copy.isPrivate {
      try keep(dependency.copy, under: Self.key(ofDependency: dependency.name))
    }
    try keep(copy, under: Self.key(of: file))
  }

  private func keep(_ copy: PluginCopy, under key: String) throws(FileError) {
    guard let hash = copy.hash?.description else { return }
    let name = "\(key).\(hash).so"
    if !isIntact(name, hash: hash) { try write(copy.path, as: name, hash: hash) }
    for other in copies(under: key) where other.name != name { Paths.remove("\(path)/\(other.name)") }
  }

  /// Removes the copies of all files but these and but what `serving` bring along, and what writing left behind that was
  /// cut short.
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

  /// The newest first: a crash can have left the one before it too.
  private func copies(under key: String) -> [Entry] {
    let entries = ((try? namesInFolder(path)) ?? []).compactMap { name -> Entry? in
      let parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 3, parts[0] == key, parts[2] == "so" else { return nil }
      let status = try? FileStatus(of: "\(path)/\(name)")
      return status.map { Entry(name: name, hash: parts[1], modified: $0.modified) }
    }
    return entries.sorted { $0.modified > $1.modified }
  }

  /// By the file's name in the plugin directory, or by that of the library in `host.conf`: both stay when folders are
  /// replaced by others at each deploy.
  private static func key(of file: PluginFile) -> String {
    key(file.isLibrary ? "library \(file.path)" : "plugin \(file.lastName)")
  }

  /// The loader has one library of a name.
  private static func key(ofDependency name: String) -> String { key("dependency \(name)") }

  private static func key(_ name: String) -> String {
    String(SHA256(of: Array(name.utf8).span).description.prefix(16))
  }

  private func isIntact(_ name: String, hash: String) -> Bool {
    if intact.withLock({ $0.contains(name) }) { return Paths.exists("\(path)/\(name)") }
    var found = SHA256.Pieces()
    guard let source = try? OpenFile(reading: "\(path)/\(name)"),
      (try? source.readPieces(upTo: .max, { found.append($0.span) })) != nil, found.hash.description == hash
    else { return false }
    intact.withLock { _ = $0.insert(name) }
    return true
  }

  /// In steps that leave either nothing or the whole of it, whatever ends the process or the machine meanwhile.
  private func write(_ source: String, as name: String, hash: String) throws(FileError) {
    let temporary = "\(path)/.\(name.prefix(16)).\(getpid()).new"
    Paths.remove(temporary)
    defer { Paths.remove(temporary) }
    var found = SHA256.Pieces()
    let copy = try OpenFile(creating: temporary, mode: 0o600)
    try OpenFile(reading: source).readPieces(upTo: .max) { (piece) throws(FileError) in
      found.append(piece.span)
      try copy.write(piece)
    }
    guard found.hash.description == hash else {
      throw FileError(subject: source, action: "copy it, as it is not what was loaded", code: EIO)
    }
    try copy.sync()
    try Paths.rename(temporary, to: "\(path)/\(name)")
    try OpenFile(reading: path).sync()
    intact.withLock { _ = $0.insert(name) }
  }
}
