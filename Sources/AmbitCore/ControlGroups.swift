/// Control groups and their quotas of CPU time, as files in /proc and /sys/fs/cgroup show them: cgroups(7).
///
/// A container engine limits the CPU time of a container by a quota, and leaves it all cores. A process with as many
/// busy threads as cores then uses up the quota early in each period, and stops until the next.
public enum ControlGroups {
  /// The version of a control group with a CPU controller.
  public enum Version: Sendable {
    /// `cpu.cfs_quota_us` and `cpu.cfs_period_us` hold the quota.
    case one
    /// `cpu.max` holds the quota.
    case two
  }

  /// The folder of a control group.
  public struct Folder: Sendable, Equatable {
    public let path: String
    public let version: Version

    public init(path: String, version: Version) {
      self.path = path
      self.version = version
    }
  }

  /// The folders of the groups that may limit the CPU time of a process: its own and all above it that are visible, the
  /// innermost first. None if nothing is mounted.
  /// - Parameters:
  ///   - membership: the text of `/proc/self/cgroup`.
  ///   - mounts: the text of `/proc/self/mountinfo`: proc(5).
  public static func cpuFolders(membership: String, mounts: String) -> [Folder] {
    lines(membership).flatMap { line -> [Folder] in
      // ID:CONTROLLERS:PATH
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { return [] }
      let version: Version
      if parts[0] == "0", parts[1].isEmpty {
        version = .two
      } else if parts[1].split(separator: ",").contains("cpu") {
        version = .one
      } else {
        return []
      }
      let mount = lines(mounts).lazy.compactMap { Mount($0) }.last { $0.version == version }
      return mount?.folders(of: String(parts[2])) ?? []
    }
  }

  /// How many CPUs a quota of version 1 is worth; nil if there is none.
  /// - Parameters:
  ///   - quota: the text of `cpu.cfs_quota_us`.
  ///   - period: the text of `cpu.cfs_period_us`.
  public static func cpus(quota: String, period: String) -> Double? {
    guard let quota = lines(quota).first.flatMap({ Int64($0) }), quota > 0,
      let period = lines(period).first.flatMap({ Int64($0) }), period > 0
    else { return nil }
    return Double(quota) / Double(period)
  }

  /// How many CPUs a quota of version 2 is worth; nil if there is none.
  /// - Parameter max: the text of `cpu.max`: "50000 100000" or "max 100000".
  public static func cpus(max: String) -> Double? {
    let parts = lines(max).first?.split(separator: " ") ?? []
    return parts.count == 2 ? cpus(quota: String(parts[0]), period: String(parts[1])) : nil
  }

  private static func lines(_ text: String) -> [Substring] { text.split(separator: "\n") }
}

/// A mounted hierarchy of control groups.
private struct Mount {
  let version: ControlGroups.Version
  /// The group that is mounted: of a container without a namespace of its own, not the root of the hierarchy.
  private let root: String
  private let point: String

  /// Reads a line such as `36 25 0:32 /ROOT /POINT rw shared:9 - cgroup cgroup rw,cpu,cpuacct`; nil if it is no
  /// hierarchy with a CPU controller.
  init?(_ line: Substring) {
    let halves = line.split(separator: " - ", maxSplits: 1)
    guard halves.count == 2 else { return nil }
    let (place, kind) = (halves[0].split(separator: " "), halves[1].split(separator: " "))
    guard place.count >= 6, kind.count == 3 else { return nil }
    switch kind[0] {
    case "cgroup2": version = .two
    case "cgroup" where kind[2].split(separator: ",").contains("cpu"): version = .one
    default: return nil
    }
    (root, point) = (Self.unescaped(place[3]), Self.unescaped(place[4]))
  }

  /// The folders of the group at that path of the hierarchy and of all above it, up to the mounted one. Only that one
  /// if the group lies outside.
  func folders(of path: String) -> [ControlGroups.Folder] {
    let start = root == "/" ? "" : root
    var rest = path.hasPrefix(start) ? path.dropFirst(start.count) : ""
    if !rest.hasPrefix("/") || rest.contains("/../") || rest.hasSuffix("/..") { rest = "" }
    var folders: [ControlGroups.Folder] = []
    while let slash = rest.lastIndex(of: "/") {
      if rest.count > 1 { folders.append(.init(path: point + rest, version: version)) }
      rest = rest[..<slash]
    }
    return folders + [.init(path: point, version: version)]
  }

  /// The kernel writes a space as `\040`, and a tab, a line feed and a backslash in the same way.
  private static func unescaped(_ text: Substring) -> String {
    [("040", " "), ("011", "\t"), ("012", "\n"), ("134", "\\")].reduce(String(text)) { text, escape in
      text.split(separator: "\\" + escape.0, omittingEmptySubsequences: false).joined(separator: escape.1)
    }
  }
}
