internal import AmbitCore
internal import AmbitSystem

/// Which sockets serve which entry of `listen`, after a change of the entries.
struct ListenerMatching {
  private let before: [ListenerSet.Listener]
  private let requests: [ListeningSocket.Request]
  /// The sockets that serve each request. None: one has to be opened. Several: the service manager has opened one for
  /// each family of addresses.
  private(set) var found: [[ListeningSocket]]
  /// The sockets that serve no request any more.
  private var removed: [ListeningSocket]
  /// The sockets of the service manager that are served although no entry names them.
  private let unnamed: [ListeningSocket]
  /// The sockets that were opened for requests.
  private(set) var opened: [ListeningSocket] = []

  /// - Parameters:
  ///   - unused: sockets of the service manager that no entry of before the change names.
  ///   - requests: none: all sockets of the service manager are served, and nothing else.
  init(_ before: [ListenerSet.Listener], unused: [ListeningSocket], _ requests: [ListeningSocket.Request]) {
    (self.before, self.requests) = (before, requests)
    var activated = before.map(\.socket).filter(\.isActivated) + unused
    var own = before.filter { !$0.socket.isActivated }
    var found = requests.map { request in
      let covered = activated.filter { $0.address.map(request.address.covers) == true }
      activated.removeAll(where: covered.contains)
      return covered
    }
    func match(_ isSame: (ListenerSet.Listener, ListenAddress) -> Bool) {
      for index in requests.indices where found[index].isEmpty {
        guard let place = own.firstIndex(where: { isSame($0, requests[index].address) }) else { continue }
        found[index] = [own.remove(at: place).socket]
      }
    }
    match { $0.request?.address == $1 }
    // An entry may name the port that the system has chosen.
    match { $0.socket.address == $1 }
    self.found = found
    let namedBefore = before.filter { $0.request != nil }.map(\.socket) + unused
    unnamed = requests.isEmpty ? activated : activated.filter { !namedBefore.contains($0) }
    removed = own.map(\.socket) + activated.filter { [unnamed] in !unnamed.contains($0) && !unused.contains($0) }
  }

  /// Opens a socket for a request that no socket serves.
  mutating func open(_ index: Int) throws(ListenError) {
    let request = requests[index]
    func overlaps(_ socket: ListeningSocket) -> Bool { socket.address.map(request.address.overlaps) == true }
    let replaced = removed.filter(overlaps)
    if let activated = (replaced + unnamed).first(where: { $0.isActivated && overlaps($0) }) {
      throw ListenError(
        address: "\(request.address)",
        reason:
          "a socket of the service manager listens on \(activated.url), which includes it; change ListenStream= of "
          + "its unit, or write the address of the socket in listen")
    }
    let socket = try ListeningSocket(request.address, rights: request.rights, inPlaceOf: replaced)
    opened.append(socket)
    found[index] = [socket]
  }

  var change: ListenerSet.Change {
    var change = ListenerSet.Change()
    for (request, sockets) in zip(requests, found) {
      change.listeners += sockets.map { ListenerSet.Listener(socket: $0, request: request) }
    }
    change.listeners += unnamed.map { ListenerSet.Listener(socket: $0, request: nil) }
    let known = before.map(\.socket)
    change.added = change.listeners.filter { !known.contains($0.socket) }
    change.removed = before.filter { removed.contains($0.socket) }
    change.opened = opened
    return change
  }
}

extension [ListeningSocket] {
  /// Whether this very socket is among them.
  fileprivate func contains(_ socket: ListeningSocket) -> Bool { contains { $0 === socket } }
}
