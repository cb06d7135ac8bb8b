import AmbitCore
import Testing

@Suite struct `Control groups` {
  private static let version1 = """
    24 1 0:22 / /proc rw,nosuid - proc proc rw
    30 24 0:26 / /sys/fs/cgroup/memory rw,nosuid shared:9 - cgroup cgroup rw,memory
    31 24 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:10 master:1 - cgroup cgroup rw,cpu,cpuacct
    """
  private static let version2 = "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"

  @Test(arguments: [
    (
      version1, "4:memory:/m\n3:cpu,cpuacct:/a/b\n0::/a\n", ControlGroups.Version.one,
      ["cpu,cpuacct/a/b", "cpu,cpuacct/a", "cpu,cpuacct"]
    ),
    (version1, "3:cpuacct,cpu:/\n", .one, ["cpu,cpuacct"]),
    (version1, "3:cpuset:/a\n", .one, []),
    (version2, "0::/system.slice/ambit.service\n", .two, ["/system.slice/ambit.service", "/system.slice", ""]),
    (version2, "0::/\n", .two, [""]),
    // A group outside of the namespace.
    (version2, "0::/../other\n", .two, [""]),
    ("", "0::/a\n", .two, []),
    (version2, "", .two, []),
    (version2, "no such line", .two, []),
  ])
  func `The groups of a process are its own and those above it, each with its folder`(
    mounts: String, membership: String, version: ControlGroups.Version, folders: [String]
  ) {
    let base = version == .one ? "/sys/fs/cgroup/" : "/sys/fs/cgroup"
    let expected = folders.map { ControlGroups.Folder(path: base + $0, version: version) }
    #expect(ControlGroups.cpuFolders(membership: membership, mounts: mounts) == expected)
  }

  @Test func `The groups of a container whose group is mounted as the root begin there`() {
    let mounts = "30 24 0:26 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n"
    let paths = ControlGroups.cpuFolders(membership: "3:cpu:/docker/abc/x\n", mounts: mounts).map(\.path)
    #expect(paths == ["/sys/fs/cgroup/cpu/x", "/sys/fs/cgroup/cpu"])
    let outside = ControlGroups.cpuFolders(membership: "3:cpu:/other\n", mounts: mounts).map(\.path)
    #expect(outside == ["/sys/fs/cgroup/cpu"])
    let similar = ControlGroups.cpuFolders(membership: "3:cpu:/docker/abcd\n", mounts: mounts).map(\.path)
    #expect(similar == ["/sys/fs/cgroup/cpu"])
  }

  @Test func `A mount point with a space is read as the kernel writes it`() {
    let mounts = "30 24 0:26 / /my\\040groups rw - cgroup2 none rw\n"
    #expect(
      ControlGroups.cpuFolders(membership: "0::/a b\n", mounts: mounts).map(\.path) == ["/my groups/a b", "/my groups"])
  }

  @Test(
    arguments: [
      ("50000\n", "100000\n", 0.5), ("150000", "100000", 1.5), ("-1\n", "100000\n", nil), ("0", "100000", nil),
      ("x", "100000", nil), ("50000", "0", nil), ("", "", nil),
    ] as [(String, String, Double?)])
  func `A quota of version 1 is worth its part of the period`(quota: String, period: String, cpus: Double?) {
    #expect(ControlGroups.cpus(quota: quota, period: period) == cpus)
  }

  @Test(
    arguments: [
      ("50000 100000\n", 0.5), ("max 100000\n", nil), ("400000 100000", 4), ("max", nil), ("", nil), ("1 2 3", nil),
    ] as [(String, Double?)])
  func `A quota of version 2 is worth its part of the period`(text: String, cpus: Double?) {
    #expect(ControlGroups.cpus(max: text) == cpus)
  }
}
