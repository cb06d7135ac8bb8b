package import AmbitCore
import CLinux
import Glibc
import Synchronization

/// The host's own folder of the libraries that it has loaded.
///
/// The loader knows a library by its path, device and inode, so each generation gets a file of its own that stays as long
/// as it is mapped: an inode number that were used again would bring back the old code. A copy also outlives whatever is
/// done to the operator's file, which kills a process that mapped it when it is overwritten in place.
package final class PluginCopies: Sendable {
  private static let prefix = "ambit-host-"

  package let path: String
  private let lock: FolderLock
  private let count = Atomic<UInt64>(0)

  /// Makes a new folder in `parent`, readable by this user alone, and removes those of hosts that are gone. The file
  /// system must allow execution.
  package init(in parent: String) throws(FileError) {
    try Self.checkExecution(in: parent)
    for name in (try? namesInFolder(parent)) ?? [] where name.hasPrefix(Self.prefix) {
      let folder = "\(parent)/\(name)"
      if FolderLock.isAbandoned(folder) { removeFolder(folder) }
    }
    path = try makeUniqueFolder(in: parent, prefix: Self.prefix)
    lock = try FolderLock(path)
  }

  /// The loader would only say that it cannot map something.
  private static func checkExecution(in folder: String) throws(FileError) {
    guard clinux_is_noexec(folder) else { return }
    throw FileError(subject: folder, action: "load libraries from a file system mounted noexec", code: EPERM)
  }

  /// Copies a library for this machine that can be loaded to a new file.
  package func add(_ content: PluginContent) throws(PluginRefusal) -> PluginCopy {
    let (copy, facts) = try copy(content)
    do throws(PluginRefusal) {
      try facts.refuseUnlessLoadable(content.file)
    } catch {
      discard(copy)
      throw error
    }
    return copy
  }

  /// Copies a library for this machine to a new file, and reads there what it says of itself without loading it.
  package func copy(_ content: PluginContent) throws(PluginRefusal) -> (copy: PluginCopy, facts: LibraryFacts) {
    let file = content.file
    let copy = "\(path)/\(file.copyName).new-\(count.add(1, ordering: .relaxed).newValue).so"
    try content.copy(to: copy)
    do throws(PluginRefusal) {
      let facts = try LibraryFacts(ofCopy: copy, of: file)
      return (PluginCopy(file: file, hash: content.hash, of: facts, path: copy), facts)
    } catch {
      unlink(copy)
      throw error
    }
  }

  /// Names a copy that was not loaded yet after its plugin or library: `NAME.GENERATION.BUILD.so`, by which a debugger or
  /// a person finds the build. BUILD is the beginning of the build ID, of the hash where there is none.
  package func name(_ copy: PluginCopy, plugin: String, generation: UInt64) throws(PluginRefusal) -> PluginCopy {
    let build = (copy.buildID ?? copy.hash?.description ?? "").prefix(12)
    let name = freeName("\(plugin).\(generation).\(build)")
    do throws(FileError) {
      _ = try systemCall("rename it to \(name)", copy.path) { rename(copy.path, name) }
    } catch {
      throw PluginRefusal(.unreadable, copy.file, "no private copy of it: \(error)")
    }
    var named = copy
    named.path = name
    return named
  }

  /// A path that no copy has. A library may be called as a plugin is, or as another library in another folder: the loader
  /// takes two files of one name for one library, even when the first is gone.
  private func freeName(_ name: String) -> String {
    var path = "\(path)/\(name).so"
    var number = 2
    while access(path, F_OK) == 0 {
      path = "\(self.path)/\(name)-\(number).so"
      number += 1
    }
    return path
  }

  /// Removes a copy that was not loaded here. A file that is used in place is the operator's, and stays.
  package func discard(_ copy: PluginCopy) {
    if copy.isPrivate { unlink(copy.path) }
  }

  /// Whether the file at `path` is one of the copies.
  func contains(_ path: String) -> Bool { path.hasPrefix("\(self.path)/") }

  /// Removes the folder with all copies. Call it when no plugin's code will run any more: a crash report could not name
  /// functions of a library whose file is gone.
  package func remove() { removeFolder(path) }
}

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

  /// It is a file of the host's own.
  package var isPrivate: Bool { inPlace == nil }

  /// A library that is used in place.
  init(_ use: InPlaceUse, of file: PluginFile) {
    self.file = file
    (hash, buildID, unloadObstacle) = (nil, nil, nil)
    path = use.name
    inPlace = use
  }

  /// A copy, of which `facts` are known.
  init(file: PluginFile, hash: SHA256?, of facts: LibraryFacts? = nil, path: String) {
    self.file = file
    self.hash = hash
    buildID = facts?.buildID
    unloadObstacle = facts?.unloadObstacles.first
    inPlace = nil
    self.path = path
  }
}

extension PluginCopy {
  /// A copy that another process has made and checked, at `path`.
  init(reading path: String, of file: PluginFile, hash: String) throws(PluginRefusal) {
    self.init(
      file: file, hash: SHA256(hexadecimal: hash), of: try LibraryFacts(ofCopy: path, of: file), path: path)
  }
}

extension PluginFile {
  /// The beginning of a copy's name.
  fileprivate var copyName: String { isLibrary ? lastName : stem }
}

extension LibraryFacts {
  /// What the private copy at `path` says of the library in `file`. It is mapped for that, and only what is looked at gets
  /// into memory.
  init(ofCopy path: String, of file: PluginFile) throws(PluginRefusal) {
    let facts: Result<LibraryFacts, ELFError>
    do throws(FileError) {
      facts = try withMappedBytes(of: path) { (bytes) throws(ELFError) in try LibraryFacts(of: bytes) }
    } catch {
      throw PluginRefusal(.unreadable, file, "no private copy of it: \(error)")
    }
    do throws(ELFError) { self = try facts.get() } catch {
      throw PluginRefusal(.notALibrary, file, error.description)
    }
  }

  /// Refuses the library in `file` if the loader would take it for a library and it is none, or could take it a few times
  /// only.
  package func refuseUnlessLoadable(_ file: PluginFile) throws(PluginRefusal) {
    do throws(ELFError) {
      try checkLoadable(asLibrary: file.isLibrary)
    } catch {
      throw PluginRefusal(.notALibrary, file, error.description)
    }
  }
}
