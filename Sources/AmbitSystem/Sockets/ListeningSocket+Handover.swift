internal import CLinux
internal import Logging

extension ListeningSocket {
  /// What another process of the host is told about a socket that it is to accept from. `passedDescriptors` go with it.
  package struct Handover: Sendable, Codable, Equatable {
    /// `ListeningSocket.id`.
    package let id: UInt64
    /// `ListeningSocket.url`.
    package let url: String
    /// `ListeningSocket.note`.
    package let note: String?
  }

  /// What to tell a process that is to accept from the socket, too.
  package var handover: Handover { Handover(id: id, url: url, note: note) }

  /// The descriptors to pass with `handover`, in this order. They stay the socket's, valid until `close`.
  package var passedDescriptors: [Int32] { [descriptor, relay] }

  /// The sockets that the supervisor has passed to this process. `close` closes this process's descriptors and nothing
  /// else: the socket goes on listening, and a unix socket's file stays.
  /// - Parameter descriptors: `passedDescriptors` of each socket, as `MessageConnection.receive` returns them. The
  ///   sockets own them from now on.
  /// - Returns: the sockets whose descriptors have come. The log names the others: this process has no room for them.
  package static func received(_ handovers: [Handover], _ descriptors: [Int32]) -> [ListeningSocket] {
    var rest = descriptors[...]
    let sockets = handovers.compactMap { handover -> ListeningSocket? in
      let own = Array(rest.prefix(2))
      rest = rest.dropFirst(2)
      if own.count == 2, own.allSatisfy({ $0 >= 0 }) {
        return ListeningSocket(handover, clinux_own(own[0]), clinux_own(own[1]))
      }
      for descriptor in own where descriptor >= 0 { clinux_close(descriptor) }
      Logger(label: "ambit").error(
        """
        cannot accept connections of \(handover.url) in this process: it has no file descriptors left; raise the limit \
        with ulimit -n
        """)
      return nil
    }
    for descriptor in rest where descriptor >= 0 { clinux_close(descriptor) }
    return sockets
  }

  private convenience init(_ handover: Handover, _ descriptor: Int32, _ relay: Int32) {
    self.init(id: handover.id, descriptor: descriptor, relay: relay, url: handover.url, note: handover.note)
  }
}
