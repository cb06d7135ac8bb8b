/// A right that root has, and that other processes can have, too: capabilities(7).
package enum Capability: Int, Sendable {
  case kill = 5
  case setGroup = 6
  case setUser = 7
  case bindService = 10
  case resource = 24

  /// Its name in capabilities(7).
  package var name: String {
    switch self {
    case .kill: "CAP_KILL"
    case .setGroup: "CAP_SETGID"
    case .setUser: "CAP_SETUID"
    case .bindService: "CAP_NET_BIND_SERVICE"
    case .resource: "CAP_SYS_RESOURCE"
    }
  }

  /// Whether this process has it; nil if /proc does not say.
  package var isHeld: Bool? {
    let lines = (try? TextFile.read("/proc/self/status"))?.split(separator: "\n") ?? []
    guard let line = lines.first(where: { $0.hasPrefix("CapEff:") }),
      let set = line.split(whereSeparator: \.isWhitespace).last.flatMap({ UInt64($0, radix: 16) })
    else { return nil }
    return set & 1 << UInt64(rawValue) != 0
  }
}
