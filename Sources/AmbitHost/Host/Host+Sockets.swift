internal import AmbitConfig
internal import AmbitSystem
internal import Logging

// The addresses of `listen`, at the start and at a reload.

extension Host {
  /// Opens the sockets of the configuration, and takes over those that a service manager has passed.
  /// Those of the program before this one that `listen` names no more stay open until `finishOpening`.
  func openListeners() throws(HostError) -> ListenerSet.Change {
    do throws(ListenError) {
      listeners.add(activated: try SocketActivation.sockets())
    } catch {
      throw HostError(error)
    }
    return try prepareListeners(configuration)
  }

  /// Opens what the configuration asks for besides what is open. The workers, if there are any yet, accept from it.
  /// - Throws: if an address cannot be opened. Then nothing has changed.
  func prepareListeners(_ configuration: HostConfiguration) throws(HostError) -> ListenerSet.Change {
    let requests = try source.listenRequests(configuration, isActivated: listeners.isActivated)
    do throws(ListenError) {
      let change = try listeners.prepare(requests)
      let added = change.added.map(\.socket)
      if state.current.phase != .starting, !added.isEmpty { workers.accept(on: added) }
      return change
    } catch {
      throw HostError(error)
    }
  }

  /// Takes back what `prepareListeners` has done.
  func abandonListeners(_ change: ListenerSet.Change) {
    listeners.abandon(change) { [workers] in workers.stopAccepting(on: $0) }
  }

  /// Accepts connections where the new configuration says, and nowhere else.
  func commitListeners(_ change: ListenerSet.Change) {
    listeners.commit(change) { [workers] in workers.stopAccepting(on: $0) }
    state.setAddresses(listeners.urls)
    for listener in change.added { logListening(listener) }
    for listener in change.removed {
      let rest =
        listener.socket.isActivated
        ? "; the service manager keeps the socket, so clients that connect wait: stop its unit to refuse them" : ""
      logger.info("stopped listening on \(listener.socket.url)\(rest)")
    }
  }

  /// Logs where clients can connect from now on.
  func logListening(_ listener: ListenerSet.Listener) {
    let socket = listener.socket
    var line = "listening on \(socket.url)"
    if socket.isActivated {
      line += ", a socket of the service manager"
      if listener.request == nil, configuration.hasListen { line += " that no entry of listen names" }
    }
    logger.info("\(line)")
    if let note = socket.note { logger.info("\(note)") }
  }
}

// Sockets in the file system. Their files can get lost while the host runs: somebody removes them, or a link on the way
// leads to another folder, such as that of a new release. Then clients do not find the host any more.

extension Host {
  /// Opens the unix sockets of `listen` anew whose paths do not lead to them any more. When no loop is blocked.
  func restoreListeners() {
    for old in listeners.sockets where !old.isReachable {
      do throws(ListenError) {
        guard let new = try listeners.replace(old) else { continue }
        workers.accept(on: [new])
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
