internal import AmbitSystem
internal import Logging

// Sockets in the file system. Their files can get lost while the host runs: somebody removes them, or a link on the way
// leads to another folder, such as that of a new release. Then clients do not find the host any more.

extension Host {
  /// Opens the unix sockets of `listen` anew whose paths do not lead to them any more. When no loop is blocked.
  func restoreListeners() {
    for index in sockets.indices where !sockets[index].isReachable {
      let old = sockets[index]
      do throws(ListenError) {
        let new = try ListeningSocket(requests[index].address, rights: requests[index].rights)
        workers.accept(on: [new])
        sockets[index] = new
        // It has to know the new socket before the old one is closed.
        stopInTime()
        old.close(isInUse: !workers.stopAccepting(on: old))
        logger.notice("the socket was gone from \(new.url) and is made again")
      } catch {
        logger.warning(
          """
          the socket is gone from \(old.url), so clients do not find it, and it cannot be made again: \(error); the \
          next reload tries it again
          """)
      }
    }
  }

  /// Opens the admin socket anew if its path does not lead to it any more.
  func restoreAdminSocket() {
    guard let admin else { return }
    do throws(ListenError) {
      guard try DescriptorReserve.shared.lend({ () throws(ListenError) in try admin.restoreSocket() }) else { return }
      logger.notice("the admin socket was gone from unix:\(admin.path) and is made again")
    } catch {
      logger.warning(
        """
        the admin socket is gone from unix:\(admin.path), so `ambit status` and `ambit reload` do not find this host, \
        and it cannot be made again: \(error); the next reload tries it again
        """)
    }
  }
}
