import Glibc

/// Whom the host believes about the files that it runs: the `trust` key.
package enum FileTrust: Sendable {
  /// Root and the user that the host runs as. Nobody else may own a plugin or a folder on its way, or write to it.
  case owner
  /// Everybody.
  case any

  /// Refuses a file or folder that others could change or replace: `path` itself, each folder on its way from the root,
  /// and each symbolic link in it with the folders on the way of where it points. Where the way ends because something
  /// does not exist or may not be seen, whoever opens the file will say so.
  package func check(_ path: String) throws(UntrustedFile) {
    guard self == .owner else { return }
    var walk = TrustWalk()
    try walk.follow(path)
  }
}

/// A path that others than root and the host's user could make lead somewhere else, or to other bytes.
package struct UntrustedFile: Error, CustomStringConvertible {
  /// What is wrong on the way: the file, folder or link, in full.
  let place: String
  let objection: String

  package var description: String { "\(place) \(objection); mend that, or set trust = \"any\"" }
}

/// One way through the file system, component by component, as the system takes it.
private struct TrustWalk {
  private var folder = "/"
  private var linkCount = 0

  mutating func follow(_ path: String) throws(UntrustedFile) {
    var left = path.split(separator: "/").map(String.init)
    if !path.hasPrefix("/") { left = Self.workingFolder + left }
    try enter("/")
    while !left.isEmpty {
      let name = left.removeFirst()
      if name == "." { continue }
      let place = folder == "/" ? "/\(name)" : "\(folder)/\(name)"
      guard let status = Self.status(of: place) else { return }
      try checkOwner(of: status, place)
      switch status.st_mode & S_IFMT {
      case S_IFLNK:
        guard let target = target(of: place) else { return }
        left = target.split(separator: "/").map(String.init) + left
        if target.hasPrefix("/") { try enter("/") }
      case S_IFDIR: try enter(place)
      default: try checkMode(of: status, place)
      }
    }
  }

  private mutating func enter(_ place: String) throws(UntrustedFile) {
    guard let status = Self.status(of: place) else { return }
    // In a sticky folder others may not replace what is not theirs: the owner of the next component counts.
    if status.st_mode & S_ISVTX == 0 { try checkMode(of: status, place) }
    folder = place
  }

  private func checkOwner(of status: stat, _ place: String) throws(UntrustedFile) {
    guard status.st_uid == 0 || status.st_uid == geteuid() else {
      throw UntrustedFile(
        place: place, objection: "is owned by user \(status.st_uid), who is neither root nor the host's user")
    }
  }

  private func checkMode(of status: stat, _ place: String) throws(UntrustedFile) {
    let others = [(S_IWGRP, "its group"), (S_IWOTH, "everybody")].filter { status.st_mode & $0.0 != 0 }.map(\.1)
    guard others.isEmpty else {
      let mode = String(status.st_mode & 0o7777, radix: 8)
      throw UntrustedFile(
        place: place, objection: "can be written by \(others.joined(separator: " and ")) (mode \(mode))")
    }
  }

  /// Of the component itself, a link not followed.
  private static func status(of place: String) -> stat? {
    var status = stat()
    return lstat(place, &status) == 0 ? status : nil
  }

  /// Where a symbolic link points; nil if it can lead nowhere.
  private mutating func target(of place: String) -> String? {
    linkCount += 1
    var bytes = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
    guard linkCount <= 40, readlink(place, &bytes, Int(PATH_MAX)) > 0 else { return nil }
    return bytes.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
  }

  private static var workingFolder: [String] {
    guard let path = getcwd(nil, 0) else { return [] }
    defer { free(path) }
    return String(cString: path).split(separator: "/").map(String.init)
  }
}
