internal import AmbitCore
internal import CLinux
internal import Glibc

/// The names in the folder at `path`, sorted by their bytes, without "." and "..".
package func namesInFolder(_ path: String) throws(FileError) -> [String] {
  guard let stream = unsafe opendir(path.systemPath) else {
    throw FileError(subject: path, action: "list the folder", code: errno)
  }
  defer { unsafe closedir(stream) }
  var names = [String]()
  while true {
    errno = 0
    guard let entry = unsafe readdir(stream) else { break }
    let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) {
      unsafe String(fileName: Array($0.prefix { $0 != 0 }))
    }
    if name != ".", name != ".." { names.append(name) }
  }
  guard errno == 0 else { throw FileError(subject: path, action: "list the folder", code: errno) }
  return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
}

/// Makes a folder for this user alone, named `prefix` and six random letters.
package func makeUniqueFolder(in parent: String, prefix: String) throws(FileError) -> String {
  var template = "\(parent)/\(prefix)XXXXXX".systemPath
  guard unsafe mkdtemp(&template) != nil else {
    throw FileError(subject: parent, action: "make a private folder in it", code: errno)
  }
  Paths.grant(0o700, to: String(systemPath: template))
  return String(systemPath: template)
}

/// Removes the folder at `path` with everything in it. Links are not followed. What cannot be removed stays.
package func removeFolder(_ path: String) {
  for name in (try? namesInFolder(path)) ?? [] {
    let place = "\(path)/\(name)"
    if unsafe unlink(place.systemPath) == -1, errno == EISDIR { removeFolder(place) }
  }
  unsafe rmdir(path.systemPath)
}

/// What a folder of the host's own lets others do.
package enum FolderUse: Sendable {
  /// Only this user uses it.
  case own
  /// Others may read the files whose names they know.
  case shared

  /// The mode bits of the folder.
  package var folderMode: UInt32 { self == .own ? 0o700 : 0o711 }
  /// The mode bits of its files.
  package var fileMode: UInt32 { self == .own ? 0o700 : 0o644 }
  fileprivate var lockMode: UInt32 { self == .own ? 0o600 : 0o644 }
}

/// A lock that a process holds on a folder of its own until it ends, however it ends: flock(2). Other processes that use
/// the folder can hold it too: it is abandoned when the last of them has ended. Child processes do not inherit the lock.
package final class FolderLock: Sendable {
  private static let name = "lock"
  private let descriptor: Int32

  /// Locks `folder`, which is new and known to nobody. The lock file is locked before it gets its name, so nobody finds
  /// it unlocked.
  package init(_ folder: String, for use: FolderUse = .own) throws(FileError) {
    let (temporary, final) = ("\(folder)/.\(Self.name)", "\(folder)/\(Self.name)")
    let descriptor = try systemCall("create it", temporary) {
      unsafe clinux_own(open(temporary.systemPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600))
    }
    self.descriptor = descriptor
    fchmod(descriptor, mode_t(use.lockMode))
    _ = try systemCall("lock it", temporary) { flock(descriptor, LOCK_SH | LOCK_NB) }
    try Paths.rename(temporary, to: final)
  }

  /// Holds `folder`, which another process has locked and has not abandoned, for this process too.
  package init(joining folder: String) throws(FileError) {
    let path = "\(folder)/\(Self.name)"
    let descriptor = try systemCall("open it", path) {
      let flags = O_CLOEXEC | O_NOFOLLOW
      // The lock file of another user, or a read-only file system: only over NFS a lock needs the right to write.
      let descriptor = unsafe open(path.systemPath, O_RDWR | flags)
      return unsafe clinux_own(descriptor >= 0 ? descriptor : open(path.systemPath, O_RDONLY | flags))
    }
    self.descriptor = descriptor
    _ = try systemCall("lock it", path) { flock(descriptor, LOCK_SH | LOCK_NB) }
  }

  /// Ends the part of this process in the lock, unless it is the last one.
  /// - Returns: whether this process is the last one. Then no other can join it any more.
  package func leave() -> Bool { flock(descriptor, LOCK_EX | LOCK_NB) == 0 }

  /// Whether the lock file of `folder` is still the locked one. Someone may have removed it, or the whole folder.
  package func isInPlace(in folder: String) -> Bool {
    var (own, found) = (stat(), stat())
    return unsafe fstat(descriptor, &own) == 0 && stat("\(folder)/\(Self.name)".systemPath, &found) == 0
      && own.st_dev == found.st_dev && own.st_ino == found.st_ino
  }

  deinit { clinux_close(descriptor) }

  /// Whether `folder` was locked by processes of this user that have all ended. It can then be removed: in a folder that
  /// everybody may write, a link of another user may lead to any folder that has a file of this name.
  package static func isAbandoned(_ folder: String) -> Bool {
    guard let status = try? FileStatus(ofLink: folder), status.kind == .folder, status.owner == geteuid() else {
      return false
    }
    let descriptor = unsafe open("\(folder)/\(name)".systemPath, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return flock(descriptor, LOCK_EX | LOCK_NB) == 0
  }
}

/// Replaces the file at `path` in one step: a process that has the old file open or mapped keeps it, and nobody sees
/// half of the new one.
///
/// `write` creates the new file under the temporary name that it is given, in the same folder, and returns whether to
/// use it.
/// - Returns: what `write` returned. If that is false, or `write` throws, the old file is untouched.
package func replaceFile(
  _ path: String, _ write: (_ temporary: String) throws(FileError) -> Bool
) throws(FileError) -> Bool {
  let name = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
  // The suffix stays: who looks for files that a killed process has left knows them by it.
  let suffix = path[name...].dropFirst().lastIndex(of: ".") ?? path.endIndex
  let stem = Paths.shortened(String(path[name..<suffix]))
  let temporary = "\(path[..<name]).\(stem)\(path[suffix...].prefix(16)).\(getpid()).new"
  Paths.remove(temporary)
  defer { Paths.remove(temporary) }
  let isWanted = try write(temporary)
  if isWanted {
    _ = try systemCall("put the new file in its place", path) {
      unsafe rename(temporary.systemPath, path.systemPath)
    }
  }
  return isWanted
}

/// The system calls that take a path and no open file.
package enum Paths {
  /// The path of the working folder: getcwd(3). Nil if the system does not tell.
  package static var workingFolder: String? {
    guard let path = unsafe getcwd(nil, 0) else { return nil }
    defer { unsafe free(path) }
    return unsafe String(systemPath: path)
  }

  /// The path without links, `.` and `..`; the path itself if it leads nowhere: realpath(3).
  package static func real(_ path: String) -> String {
    guard let real = unsafe realpath(path.systemPath, nil) else { return path }
    defer { unsafe free(real) }
    return unsafe String(systemPath: real)
  }

  /// The target of a symbolic link; nil if there is no link at `path`: readlink(2).
  package static func linkTarget(_ path: String) -> String? {
    var bytes = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
    guard unsafe readlink(path.systemPath, &bytes, Int(PATH_MAX)) > 0 else { return nil }
    return String(systemPath: bytes)
  }

  /// Whether there is something at `path`; links are followed.
  package static func exists(_ path: String) -> Bool { unsafe access(path.systemPath, F_OK) == 0 }

  /// Makes a folder, with `mode` less the process's umask, if there is none.
  package static func makeFolder(_ path: String, mode: UInt32) throws(FileError) {
    if unsafe mkdir(path.systemPath, mode_t(mode)) == -1, errno != EEXIST {
      throw FileError(subject: path, action: "make the folder", code: errno)
    }
  }

  /// Makes a folder for this user alone if there is none, or one that others may search, whatever umask code of a plugin
  /// has set.
  package static func makeOwnFolder(_ path: String, for use: FolderUse = .own) throws(FileError) {
    let isThere = exists(path)
    try makeFolder(path, mode: use.folderMode)
    if !isThere { grant(use.folderMode, to: path) }
  }

  /// Lets others use a folder of this process and all that it contains, as `use` says. Links are not followed. What
  /// cannot be changed stays as it is.
  package static func share(_ folder: String) {
    let use = FolderUse.shared
    grant(use.folderMode, to: folder)
    for name in (try? namesInFolder(folder)) ?? [] {
      let place = "\(folder)/\(name)"
      switch (try? FileStatus(ofLink: place))?.kind {
      case .folder: share(place)
      case .file: _ = unsafe fchmodat(AT_FDCWD, place.systemPath, mode_t(use.fileMode), 0)
      default: break
      }
    }
  }

  /// Gives a new folder of this process the rights that the umask has taken from it.
  fileprivate static func grant(_ mode: UInt32, to path: String) {
    // Only then: chmod(2) takes the bits that a folder inherits from its parent.
    guard let status = try? FileStatus(ofLink: path), status.permissions & mode != mode else { return }
    _ = unsafe fchmodat(AT_FDCWD, path.systemPath, mode_t(mode), AT_SYMLINK_NOFOLLOW)
  }

  /// Makes the folders of `path` that do not exist, for this user alone, or such that others may search them.
  package static func makeFolders(_ path: String, for use: FolderUse = .own) throws(FileError) {
    var folder = path.hasPrefix("/") ? "" : "."
    for name in path.split(separator: "/") {
      folder += "/\(name)"
      // mkdir(2) of an existing folder may fail with another error than EEXIST.
      if !exists(folder) { try makeOwnFolder(folder, for: use) }
    }
  }

  /// The beginning of a file name, such that a name made of it and of a number and a suffix is not too long for a file
  /// system: NAME_MAX is 255 bytes.
  package static func shortened(_ name: String) -> String {
    var (length, end) = (0, name.startIndex)
    while end < name.endIndex, length + name[end].utf8.count <= 180 {
      length += name[end].utf8.count
      end = name.index(after: end)
    }
    return String(name[..<end])
  }

  /// Throws if this process may not create files in the folder at `path`.
  package static func checkWritable(_ path: String) throws(FileError) {
    guard unsafe access("\(path)/".systemPath, W_OK | X_OK) == 0 else {
      throw FileError(subject: path, action: "write to the folder", code: errno)
    }
  }

  /// Whether the file system of `path` is mounted noexec.
  package static func isMountedNoExec(_ path: String) -> Bool { unsafe clinux_is_noexec(path.systemPath) }

  /// Renames a file in one step. A file at `target` is replaced.
  package static func rename(_ path: String, to target: String) throws(FileError) {
    _ = try systemCall("rename it to \(target)", path) {
      unsafe Glibc.rename(path.systemPath, target.systemPath)
    }
  }

  /// Removes the file or link at `path`, if there is one.
  package static func remove(_ path: String) { unsafe unlink(path.systemPath) }
}
