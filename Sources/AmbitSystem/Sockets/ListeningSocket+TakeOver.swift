internal import AmbitCore
internal import Glibc

// Sockets that stay open while another program replaces the one of this process: see `ProgramReplacement`.

extension ListeningSocket {
  /// What the next program of this process is told about a socket. The numbers of the descriptors stay the same.
  package struct Legacy: Codable, Sendable {
    package let descriptor: Int32
    package let relay: Int32
    let url: String
    let note: String?
    /// The canonical text of `ListeningSocket.address`.
    let address: String?
    let isActivated: Bool
    let file: OwnSocketFile.Legacy?
  }

  /// What to tell the next program, which has to inherit both descriptors.
  package var legacy: Legacy {
    Legacy(
      descriptor: descriptor, relay: relay, url: url, note: note, address: address.map { "\($0)" },
      isActivated: isActivated, file: file?.legacy)
  }

  /// A socket that the program before this one has opened, and whose descriptors this one has taken over. `close` removes the file of a unix socket, if that program
  /// has made it.
  package convenience init(_ legacy: Legacy) {
    self.init(
      descriptor: legacy.descriptor, relay: legacy.relay, url: legacy.url, note: legacy.note,
      address: legacy.address.flatMap { try? ListenAddress($0) }, isActivated: legacy.isActivated,
      file: legacy.file.map { OwnSocketFile($0) })
  }
}
