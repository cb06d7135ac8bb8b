internal import AmbitCore
internal import AmbitSystem
internal import Glibc

/// Whose files the host runs: the `trust` key.
package enum FileTrust: Sendable {
  /// Root and the user that the host runs as. Nobody else may own a plugin or a folder on its way, or write to it. Their
  /// own groups may: see `OwnGroups`.
  case owner
  /// Everybody.
  case any

  /// Throws if others could change or replace the file or folder at `path`. Checks `path` itself, each folder from the
  /// root to it, and each symbolic link in the path with the folders of its target. If a part does not exist or cannot
  /// be examined, the check ends there: opening the file fails then.
  package func check(_ path: String) throws(UntrustedFile) {
    guard self == .owner else { return }
    var walk = TrustWalk()
    try walk.follow(path)
  }
}

/// A path whose target or content could be changed by a user other than root and the host's user.
package struct UntrustedFile: Error, CustomStringConvertible {
  /// The full path of the file, folder or link that is not trusted.
  let place: String
  let objection: String
  /// What the operator can do about it, other than to trust everybody.
  let remedy: String

  package var description: String { "\(place) \(objection); \(remedy), or set trust = \"any\"" }
}

/// Resolves a path component by component, as the system does, and checks each of them.
private struct TrustWalk {
  private var folder = "/"
  private var linkCount = 0
  private var groups = OwnGroups()

  mutating func follow(_ path: String) throws(UntrustedFile) {
    var left = Paths.absolute(path).split(separator: "/").map(String.init)
    try enter("/")
    while !left.isEmpty {
      let name = left.removeFirst()
      if name == "." { continue }
      let place = folder == "/" ? "/\(name)" : "\(folder)/\(name)"
      guard let status = Self.status(of: place) else { return }
      try checkOwner(of: status, place)
      switch status.kind {
      case .link:
        guard let target = target(of: place) else { return }
        left = target.split(separator: "/").map(String.init) + left
        if target.hasPrefix("/") { try enter("/") }
      case .folder: try enter(place)
      default: try checkMode(of: status, place)
      }
    }
  }

  private mutating func enter(_ place: String) throws(UntrustedFile) {
    guard let status = Self.status(of: place) else { return }
    // In a sticky folder users can replace only their own files, so the owner of the next component decides.
    if status.permissions & 0o1000 == 0 { try checkMode(of: status, place) }
    folder = place
  }

  private func checkOwner(of status: FileStatus, _ place: String) throws(UntrustedFile) {
    guard status.owner == 0 || status.owner == geteuid() else {
      let user = UserDatabase.user(geteuid())?.name ?? "\(geteuid())"
      let command = status.kind == .link ? "chown -h" : "chown"
      throw UntrustedFile(
        place: place, objection: "is owned by user \(status.owner), who is neither root nor the host's user",
        remedy: "run `\(command) \(user) \(shellWord(place))`")
    }
  }

  private mutating func checkMode(of status: FileStatus, _ place: String) throws(UntrustedFile) {
    var (writers, bits, reason) = ([String](), "", "")
    if status.permissions & 0o020 != 0, let foreign = groups.objection(to: status.group, of: status.owner) {
      writers.append("its group \(foreign.group)")
      bits += "g"
      reason = ", and \(foreign.reason)"
    }
    if status.permissions & 0o002 != 0 {
      writers.append("everybody")
      bits += "o"
    }
    guard !writers.isEmpty else { return }
    let mode = String(status.permissions, radix: 8)
    throw UntrustedFile(
      place: place, objection: "can be written by \(writers.joined(separator: " and ")) (mode \(mode))\(reason)",
      remedy: "run `chmod \(bits)-w \(shellWord(place))`")
  }

  /// The status of the component itself; a link is not followed.
  private static func status(of place: String) -> FileStatus? { try? FileStatus(ofLink: place) }

  /// The target of a symbolic link; nil if it can lead nowhere.
  private mutating func target(of place: String) -> String? {
    linkCount += 1
    return linkCount <= 40 ? Paths.linkTarget(place) : nil
  }
}
