internal import AmbitCore
internal import AmbitSystem
internal import CLinux

/// The loader's room for static thread-local storage in this process: see `StaticTLS`.
enum StaticTLSRoom {
  /// The bytes of the libraries that the process was started with, for which the loader has made room.
  private static let atStart = clinux_static_tls_size()

  /// The bytes of the room.
  static let size = StaticTLS.room(tunables: HostProcess.variable("GLIBC_TUNABLES"))

  /// The bytes that libraries have taken of it. To be read before the first library is loaded, too.
  static var taken: Int { Int(clinux_static_tls_size() - atStart) }

  /// Why there is no room for `copy`, and what to do.
  static func shortage(for copy: PluginCopy) -> String {
    StaticTLS.shortage(of: copy.staticTLSSize, room: size, taken: taken)
  }
}

/// What the load of a library has taken of the loader's room for static thread-local storage, in bytes.
package struct StaticTLSUse: Sendable, Equatable, CustomStringConvertible {
  /// What this load has taken, with the libraries that it has loaded; more than 0.
  package let size: Int
  /// What is left for further loads, about.
  package let rest: Int

  init?(since before: Int) {
    let taken = StaticTLSRoom.taken
    guard taken > before else { return nil }
    (size, rest) = (taken - before, max(StaticTLSRoom.size - taken, 0))
  }

  /// Whether the next few versions of the library use up the room.
  package var isLastWarning: Bool { rest / size < 3 }

  package var description: String {
    let use =
      "took \(size.pluralized("byte")) of static thread-local storage, which the system's loader does not get back; "
    switch rest / size {
    case 0: return use + "about \(rest) are left: the next version will probably not load until the host is restarted"
    case let count: return use + "about \(rest) are left, for \(count.pluralized("further version"))"
    }
  }
}
