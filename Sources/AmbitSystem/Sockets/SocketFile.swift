internal import AmbitCore
internal import CLinux
internal import Glibc

/// Who may connect to a unix socket: the rights to its file.
package struct SocketRights: Codable, Sendable, Equatable {
  /// chmod(2). Whoever may write to the file may connect.
  package var mode: UInt32
  /// The user who owns the file; nil for the one that the process runs as.
  package var owner: UInt32?
  /// The group of the file; nil for the one that the system chooses.
  package var group: UInt32?

  package init(mode: UInt32 = 0o666, owner: UInt32? = nil, group: UInt32? = nil) {
    (self.mode, self.owner, self.group) = (mode, owner, group)
  }
}

/// The file of a unix socket.
package struct SocketFile {
  private let path: String

  package init(at path: String) { self.path = path }

  /// Why no socket can have this path, whatever the process does: the folder is missing, or a file of another kind is
  /// there; nil if neither is so.
  package var obstacle: String? {
    var status = stat()
    let folder = SocketFolder.folder(of: path)
    guard unsafe stat(folder.systemPath, &status) == 0 else { return SystemError.text(errno) }
    guard status.st_mode & S_IFMT == S_IFDIR else { return SystemError.text(ENOTDIR) }
    return foreignKind.map { "\($0) is there; remove it, or choose another path" }
  }

  /// The kind of the file at the path, if it is no socket: a host never removes it.
  private var foreignKind: String? {
    var status = stat()
    guard unsafe lstat(path.systemPath, &status) == 0 else { return nil }
    switch status.st_mode & S_IFMT {
    case S_IFSOCK: return nil
    case S_IFREG: return "a regular file"
    case S_IFDIR: return "a folder"
    case S_IFLNK: return "a symbolic link"
    case S_IFIFO: return "a named pipe"
    default: return "a device"
    }
  }

  /// Makes room for a new socket: removes the file of one on which no process listens. Under the lock of the folder.
  /// - Throws: if a process listens there, if something else is there, or if the file cannot be removed.
  func makeRoom() throws(ListenError) {
    if let obstacle { throw error(obstacle) }
    guard unsafe access(path.systemPath, F_OK) == 0 || errno != ENOENT else { return }
    let probe = clinux_socket(AF_UNIX)
    defer { clinux_close(probe) }
    var address = SocketAddress(.unix(path: path))
    guard unsafe address.withPointer({ unsafe connect(probe, $0, $1.pointee) }) != 0 else {
      throw error("\(Self.name(ofProcess: clinux_peer_process(probe))) listens there")
    }
    switch errno {
    case ECONNREFUSED: try removeStale()
    case ENOENT: break
    case EAGAIN: throw error("a process listens there, and its queue of connections is full")
    default: throw error("a socket is there, and it cannot be found out who listens: \(SystemError.text(errno))")
    }
  }

  /// A process, for the beginning of a sentence. The kernel numbers a process of another PID namespace 0.
  static func name(ofProcess number: Int32) -> String {
    switch number {
    case 1...: "process \(number)"
    case 0: "a process in another PID namespace, such as another container,"
    default: "another process"
    }
  }

  private func removeStale() throws(ListenError) {
    guard unsafe unlink(path.systemPath) != 0, errno != ENOENT else { return }
    throw error("a socket without a process is there, and cannot be removed: \(SystemError.text(errno))")
  }

  /// Gives the file of a socket that is bound and does not listen yet its rights. Its mode was 0, so that there is no
  /// moment with wider rights than these.
  func set(_ rights: SocketRights) throws(ListenError) {
    if rights.owner != nil || rights.group != nil {
      let (owner, group) = (rights.owner ?? .max, rights.group ?? .max)
      guard unsafe lchown(path.systemPath, owner, group) == 0 else {
        let reason = SystemError.text(errno)
        throw error(
          "cannot set its owner and group: \(reason); only root may set an owner, and other users only a group of "
            + "which they are members")
      }
    }
    guard unsafe fchmodat(AT_FDCWD, path.systemPath, rights.mode, AT_SYMLINK_NOFOLLOW) != 0 else { return }
    // The C library needs /proc for this flag. The call without it would follow a link.
    guard errno == EOPNOTSUPP, !HostProcess.hasProc, foreignKind == nil,
      unsafe chmod(path.systemPath, rights.mode) == 0
    else {
      throw error("cannot set its mode: \(SystemError.text(errno))")
    }
  }

  private func error(_ reason: String) -> ListenError {
    ListenError(address: ListenAddress.unix(path: path).description, reason: reason)
  }
}

/// The file of a unix socket that this process has made. Somebody may have put another file in its place since. While the
/// socket is open, the system gives its inode number to no other file.
struct OwnSocketFile: Sendable {
  private let path: String
  /// The path without links, where the file is even when a link on the way to it leads elsewhere by now.
  private let place: String
  /// As it was made, with the owner and the group that the system chose; nil if the file was gone at once.
  private let made: FileStatus?

  /// The file that is at the path now, just made.
  init(at path: String) {
    self.path = path
    place = path.lastIndex(of: "/").map { Paths.real(String(path[...$0])) + path[$0...] } ?? path
    made = try? FileStatus(ofLink: path)
  }

  /// The file that the program before this one has made: see `ListeningSocket.Legacy`.
  init(_ legacy: Legacy) { (path, place, made) = (legacy.path, legacy.place, legacy.made) }

  /// What the next program of this process is told about the file.
  struct Legacy: Codable, Sendable {
    let path: String
    let place: String
    let made: FileStatus?
  }

  var legacy: Legacy { Legacy(path: path, place: place, made: made) }

  /// Whether its path leads to it.
  var isInPlace: Bool { isAt(path) }

  /// Changes the rights to it. An owner or a group that the rights do not name is the one that the system chose.
  func set(_ rights: SocketRights) throws(ListenError) {
    let present = try? FileStatus(ofLink: path)
    var change = rights
    change.owner = change.owner ?? (made?.owner == present?.owner ? nil : made?.owner)
    change.group = change.group ?? (made?.group == present?.group ? nil : made?.group)
    try SocketFile(at: path).set(change)
  }

  /// Removes the file, unless another one is in its place.
  func remove() { if isAt(place) { Paths.remove(place) } }

  private func isAt(_ path: String) -> Bool {
    guard let made, let now = try? FileStatus(ofLink: path) else { return false }
    return (now.device, now.inode) == (made.device, made.inode)
  }
}

/// The folder of a unix socket's file.
enum SocketFolder {
  /// Runs `body` under a lock on the folder of `path`, which other threads and processes take for the same: flock(2).
  /// Blocks until the lock is free.
  ///
  /// To find out whether a process listens on a path, and then to listen on it, takes several system calls. Under the
  /// lock the second of two hosts that start at the same time sees the first.
  static func locked<Result>(
    for path: String, _ body: () throws(ListenError) -> Result
  ) throws(ListenError) -> Result {
    let descriptor = try ListenError.about(.unix(path: path)) { () throws(SystemError) in try lock(folder(of: path)) }
    defer { clinux_close(descriptor) }
    return try body()
  }

  static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return String(path[...slash])
  }

  /// Takes the lock. The returned descriptor holds it until it is closed.
  private static func lock(_ folder: String) throws(SystemError) -> Int32 {
    let descriptor = try unsafe SystemError.check(
      "open", clinux_own(open(folder.systemPath, O_RDONLY | O_DIRECTORY | O_CLOEXEC)))
    while flock(descriptor, LOCK_EX) != 0 {
      guard errno == EINTR else {
        clinux_close(descriptor)
        throw SystemError(operation: "flock")
      }
    }
    return descriptor
  }
}
