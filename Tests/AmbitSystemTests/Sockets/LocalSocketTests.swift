import AmbitCore
import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import AmbitSystem

@Suite struct `A local socket` {
  @Test func `A stale Unix socket is taken over by one of the hosts that want it at once`() throws {
    let folder = try TemporaryFolder()
    for _ in 0..<50 {
      let path = folder.path(of: "stale.sock")
      try leaveSocket(at: path)
      let (sockets, refusals) = rivals(8, for: path)
      #expect(sockets.count == 1)
      #expect(refusals.count == 7)
      let reason = "cannot listen on unix:\(path): process \(getpid()) listens there"
      #expect(refusals.allSatisfy { $0 == reason })
      for socket in sockets { socket.close() }
    }
  }

  @Test func `A Unix socket in a folder that does not exist is refused with the system's reason`() throws {
    let error = #expect(throws: ListenError.self) { try ListeningSocket(.unix(path: "/nowhere/a.sock")) }
    #expect(error?.description == "cannot listen on unix:/nowhere/a.sock: No such file or directory")
  }

  @Test(arguments: [0o666, 0o660, 0o600, 0o622] as [UInt32])
  func `A Unix socket has exactly the mode that was asked for`(mode: UInt32) throws {
    let folder = try TemporaryFolder()
    let path = folder.path(of: "a.sock")
    let socket = try ListeningSocket(.unix(path: path), rights: SocketRights(mode: mode))
    #expect(try status(of: path).st_mode & 0o7777 == mode)
    socket.close()
  }

  @Test func `A Unix socket has the owner and the group that were asked for, and else those of the process`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path(of: "a.sock")
    let plain = try status(of: folder.url.path())
    let isRoot = geteuid() == 0
    let rights = isRoot ? SocketRights(mode: 0o640, owner: 12345, group: 54321) : SocketRights(mode: 0o640)
    let socket = try ListeningSocket(.unix(path: path), rights: rights)
    let status = try status(of: path)
    #expect(status.st_uid == (isRoot ? 12345 : plain.st_uid))
    #expect(status.st_gid == (isRoot ? 54321 : plain.st_gid))
    #expect(status.st_mode & 0o7777 == 0o640)
    socket.close()
  }

  @Test(.disabled(if: geteuid() == 0, "root may set every owner"))
  func `A Unix socket whose owner cannot be set is refused, and its file is removed`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path(of: "a.sock")
    let error = #expect(throws: ListenError.self) {
      try ListeningSocket(.unix(path: path), rights: SocketRights(owner: 0))
    }
    #expect(error?.reason.hasPrefix("cannot set its owner and group: Operation not permitted; ") == true)
    #expect(access(path, F_OK) != 0)
  }

  @Test(arguments: ["a regular file", "a folder", "a symbolic link", "a named pipe"])
  func `A file of another kind in the place of a Unix socket is named, and stays`(kind: String) throws {
    let folder = try TemporaryFolder()
    let path = folder.path(of: "there")
    switch kind {
    case "a folder": #expect(mkdir(path, 0o700) == 0)
    case "a symbolic link": #expect(symlink("elsewhere", path) == 0)
    case "a named pipe": #expect(mkfifo(path, 0o600) == 0)
    default: close(creat(path, 0o600))
    }
    let error = #expect(throws: ListenError.self) { try ListeningSocket(.unix(path: path)) }
    let reason = "\(kind) is there; remove it, or choose another path"
    #expect(error?.description == "cannot listen on unix:\(path): \(reason)")
    #expect(SocketFile(at: path).obstacle == reason)
    _ = try status(of: path)
  }

  @Test func `A file that has taken the place of a Unix socket stays when the socket is closed`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path(of: "a.sock")
    let first = try ListeningSocket(.unix(path: path))
    #expect(unlink(path) == 0)
    let second = try ListeningSocket(.unix(path: path))
    first.close()
    #expect(access(path, F_OK) == 0, "the socket of another host")
    second.close()
    #expect(access(path, F_OK) != 0)
    let third = try ListeningSocket(.unix(path: path))
    #expect(unlink(path) == 0)
    close(creat(path, 0o600))
    third.close()
    #expect(access(path, F_OK) == 0, "a regular file")
  }

  @Test(
    arguments: [
      (17, "process 17"), (0, "a process in another PID namespace, such as another container,"),
      (-1, "another process"),
    ] as [(Int32, String)])
  func `A process that listens is named by its number, if it has one here`(number: Int32, name: String) {
    #expect(SocketFile.name(ofProcess: number) == name)
  }

  /// The status of a file or link.
  private func status(of path: String) throws -> stat {
    var status = stat()
    try #require(lstat(path, &status) == 0)
    return status
  }

  /// Listens `count` times at one address at the same time, each on a thread of its own.
  private func rivals(_ count: Int, for path: String) -> (sockets: [ListeningSocket], refusals: [String]) {
    let results = Mutex<([ListeningSocket], [String])>(([], []))
    let latch = Latch<Void>(expected: count)
    let ended = Latch<Void>(expected: count)
    for _ in 0..<count {
      Thread.detachNewThread {
        latch.arrive(())
        _ = latch.wait()
        do throws(ListenError) {
          let socket = try ListeningSocket(.unix(path: path))
          results.withLock { $0.0.append(socket) }
        } catch {
          results.withLock { $0.1.append(error.description) }
        }
        ended.arrive(())
      }
    }
    _ = ended.wait()
    return results.withLock { $0 }
  }

  /// Leaves a socket behind on which nobody listens, as a host does that was killed.
  private func leaveSocket(at path: String) throws {
    let socket = try ListeningSocket(.unix(path: path))
    for descriptor in [socket.descriptor, socket.relay] { close(descriptor) }
  }
}
