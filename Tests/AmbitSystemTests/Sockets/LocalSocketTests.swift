import AmbitCore
import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import AmbitSystem

@Suite struct `A local socket` {
  @Test(.timeLimit(.minutes(1))) func `A stale Unix socket is taken over by one of the hosts that want it at once`()
    throws
  {
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
