internal import AmbitCore
internal import CLinux

/// How many CPUs this process may use.
public struct UsableCPUs: Sendable, Equatable {
  /// The cores that the process may run on: sched_getaffinity(2). At least 1.
  public let cores: Int
  /// How many CPUs the smallest quota of its control groups is worth; nil if there is none, or if /proc or the control
  /// groups are not mounted: cgroups(7).
  public let quota: Double?

  public init(cores: Int, quota: Double? = nil) {
    self.cores = cores
    self.quota = quota
  }

  /// Those of the process now. Reads some files.
  public static var current: UsableCPUs {
    UsableCPUs(cores: Int(clinux_core_count()), quota: smallestQuota)
  }

  /// As many threads as can be busy all the time, at least 1: a quota of one and a half CPUs is two.
  public var count: Int {
    guard let quota, quota < Double(cores) else { return cores }
    return max(1, Int(quota.rounded(.up)))
  }

  private static var smallestQuota: Double? {
    guard let membership = text("/proc/self/cgroup"), let mounts = text("/proc/self/mountinfo") else { return nil }
    return ControlGroups.cpuFolders(membership: membership, mounts: mounts).compactMap(quota).min()
  }

  private static func quota(in folder: ControlGroups.Folder) -> Double? {
    switch folder.version {
    case .one:
      guard let quota = text("\(folder.path)/cpu.cfs_quota_us"), let period = text("\(folder.path)/cpu.cfs_period_us")
      else { return nil }
      return ControlGroups.cpus(quota: quota, period: period)
    case .two: return text("\(folder.path)/cpu.max").flatMap { ControlGroups.cpus(max: $0) }
    }
  }

  private static func text(_ path: String) -> String? { try? TextFile.read(path) }
}
