internal import AmbitCore
internal import AmbitSystem
internal import Synchronization

/// The listening sockets of the host: those that `listen` asks for, and those that a service manager has passed.
///
/// The control thread changes the set. Any thread may read it and close the sockets.
final class ListenerSet: Sendable {
  struct Listener: Sendable {
    let socket: ListeningSocket
    /// The entry of `listen` that it serves; nil for a socket of the service manager that no entry has named.
    let request: ListeningSocket.Request?
  }

  private struct State {
    var listeners: [Listener] = []
    /// Sockets of the service manager that entries have named, and name no more. A later reload may name them again.
    var unused: [ListeningSocket] = []
  }

  private let state = Mutex(State())

  /// In the order of `listen`; at last those that no entry names.
  var listeners: [Listener] { state.withLock { $0.listeners } }

  /// The sockets that connections are accepted from.
  var sockets: [ListeningSocket] { listeners.map(\.socket) }

  /// What clients connect to.
  var urls: [String] { sockets.map(\.url) }

  /// Whether a service manager has passed sockets.
  var isActivated: Bool {
    state.withLock { !$0.unused.isEmpty || $0.listeners.contains { $0.socket.isActivated } }
  }

  /// Adds the sockets of the service manager, before the first change.
  func add(activated sockets: [ListeningSocket]) {
    state.withLock { $0.listeners += sockets.map { Listener(socket: $0, request: nil) } }
  }

  /// Adds the sockets of the program before this one, before the first change.
  func add(_ inherited: [TakeOver.Listener]) {
    state.withLock { state in
      for listener in inherited {
        let socket = ListeningSocket(listener.socket)
        if listener.isUnused {
          state.unused.append(socket)
        } else {
          let address = listener.address.flatMap { try? ListenAddress($0) }
          state.listeners.append(
            Listener(socket: socket, request: address.map { ($0, listener.rights ?? SocketRights()) }))
        }
      }
    }
  }

  /// All sockets, for the program that takes the place of this one.
  var legacies: [TakeOver.Listener] {
    state.withLock { state in
      state.listeners.map {
        TakeOver.Listener(
          socket: $0.socket.legacy, address: $0.request.map { "\($0.address)" }, rights: $0.request?.rights,
          isUnused: false)
      }
        + state.unused.map { TakeOver.Listener(socket: $0.legacy, address: nil, rights: nil, isUnused: true) }
    }
  }

  /// Closes all, also those that are not used. From any thread.
  /// - Parameter isInUse: as for `ListeningSocket.close(isInUse:)`.
  func close(isInUse: Bool = false) {
    let all = state.withLock { $0.listeners.map(\.socket) + $0.unused }
    all.close(isInUse: isInUse)
  }
}

// A change: `prepare`, then either `commit` or `abandon`. The workers accept from the new sockets in between: clients of a
// new address that is part of an old one reach the new socket at once.

extension ListenerSet {
  /// A change of the set that has been prepared.
  struct Change {
    /// All listeners after the change.
    var listeners: [Listener] = []
    /// Those that were not in the set before. They listen, and the caller makes the workers accept from them.
    var added: [Listener] = []
    /// Those that are not in the set afterwards.
    var removed: [Listener] = []
    /// The sockets of `added` that were opened for the change.
    var opened: [ListeningSocket] = []
    /// The unix sockets whose files have other rights now, with their rights before.
    fileprivate var changedRights: [(socket: ListeningSocket, before: SocketRights)] = []
  }

  /// Opens what `requests` ask for and the set does not have. A socket that serves an address already stays. If an address
  /// cannot be opened, everything is as it was.
  /// - Parameter requests: at least one, unless only the sockets of the service manager are to be served.
  func prepare(_ requests: [ListeningSocket.Request]) throws(ListenError) -> Change {
    var matching = state.withLock { ListenerMatching($0.listeners, unused: $0.unused, requests) }
    do throws(ListenError) {
      for index in requests.indices where matching.found[index].isEmpty { try matching.open(index) }
    } catch {
      matching.opened.close()
      throw error
    }
    var change = matching.change
    do throws(ListenError) {
      try applyRights(&change)
    } catch {
      change.restoreRights()
      matching.opened.close()
      throw error
    }
    return change
  }

  private func applyRights(_ change: inout Change) throws(ListenError) {
    for listener in change.listeners {
      guard let rights = listener.request?.rights,
        let before = listeners.first(where: { $0.socket === listener.socket })?.request?.rights, before != rights
      else { continue }
      change.changedRights.append((listener.socket, before))
      try listener.socket.setRights(rights)
    }
  }

  /// Makes a change: the workers accept no more from the removed sockets, whose connections go on. A socket of the
  /// service manager that was removed is kept for a later reload.
  /// - Parameter stopAccepting: makes the workers accept no more from a socket. Returns whether no loop of this process
  ///   uses it.
  func commit(_ change: Change, stopAccepting: (ListeningSocket) -> Bool) {
    let removed = change.removed.map(\.socket)
    // Before anything is closed, for the thread that ends the host at once.
    state.withLock { state in
      state.listeners = change.listeners
      state.unused.removeAll { socket in change.listeners.contains { $0.socket === socket } }
      state.unused += removed.filter(\.isActivated)
    }
    retire(removed, stopAccepting)
  }

  /// Takes a prepared change back: everything is as it was.
  /// - Parameter stopAccepting: as for `commit`.
  func abandon(_ change: Change, stopAccepting: (ListeningSocket) -> Bool) {
    change.restoreRights()
    retire(change.added.map(\.socket), stopAccepting)
  }

  /// Closes sockets when the clients that have connected to them are accepted, or after 100 ms. New clients whose address
  /// is also that of a listener of the set are held back meanwhile, and reach that listener when they ask again.
  private func retire(_ sockets: [ListeningSocket], _ stopAccepting: (ListeningSocket) -> Bool) {
    let addresses = listeners.compactMap(\.socket.address)
    for socket in sockets where addresses.contains(where: { socket.address?.overlaps($0) == true }) {
      socket.holdNewClients()
    }
    sockets.awaitAcceptance()
    for socket in sockets {
      let isInUse = !stopAccepting(socket)
      if !socket.isActivated { socket.close(isInUse: isInUse) }
    }
  }

  /// Opens a unix socket anew in place of one whose path does not lead to it any more.
  /// - Returns: the new socket.
  func replace(_ old: ListeningSocket) throws(ListenError) -> ListeningSocket? {
    guard let request = listeners.first(where: { $0.socket === old })?.request else { return nil }
    let new = try ListeningSocket(request.address, rights: request.rights)
    state.withLock { state in
      guard let index = state.listeners.firstIndex(where: { $0.socket === old }) else { return }
      state.listeners[index] = Listener(socket: new, request: request)
    }
    return new
  }
}

extension ListenerSet.Change {
  fileprivate func restoreRights() { for (socket, before) in changedRights { try? socket.setRights(before) } }
}
