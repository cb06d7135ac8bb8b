internal import AmbitCore
internal import CLinux
internal import Glibc

/// What a process gives up before it runs code of plugins, and all that it starts with it.
package struct Confinement: Codable, Equatable, Sendable {
  /// A resource that the kernel limits for each process: getrlimit(2).
  package enum Resource: String, Codable, Sendable {
    case memory, processes, core
    case openFiles = "open_files"
    case fileSize = "file_size"

    /// Its key in `host.conf`.
    package var key: String { "worker_limits.\(rawValue)" }

    fileprivate var number: __rlimit_resource_t {
      switch self {
      case .memory: __rlimit_resource_t(RLIMIT_AS.rawValue)
      case .processes: __rlimit_resource_t(__RLIMIT_NPROC.rawValue)
      case .openFiles: __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
      case .core: __rlimit_resource_t(RLIMIT_CORE.rawValue)
      case .fileSize: __rlimit_resource_t(RLIMIT_FSIZE.rawValue)
      }
    }

    /// The most that this process may set without a privilege, in bytes or as a number; nil for any value.
    package var highest: Int? {
      var limit = rlimit()
      guard unsafe getrlimit(number, &limit) == 0, limit.rlim_max != rlim_t.max else { return nil }
      return Int(clamping: limit.rlim_max)
    }
  }

  /// A limit that the process cannot raise again.
  package struct Limit: Codable, Equatable, Sendable {
    package let resource: Resource
    /// Bytes, or a number; nil: unlimited.
    package let value: Int?

    package init(_ resource: Resource, _ value: Int?) { (self.resource, self.value) = (resource, value) }
  }

  /// The user and the groups that the process runs as; nil: as before.
  package var account: Account?
  /// Whether it gives up all capabilities.
  package var dropsCapabilities = false
  /// Whether programs that it starts get no rights that it has not, as those with the set-user-ID bit do.
  package var forbidsNewPrivileges = false
  package var limits: [Limit] = []
  /// The files and folders, by absolute paths without links, that it may change, with all that the folders contain; nil:
  /// whatever the rights to the files allow. If not nil, programs that it starts get no new rights in any case.
  package var writablePaths: [String]?

  package init() {}

  /// The bytes of address space that it leaves the process; nil if it does not say.
  package var memoryLimit: Int64? {
    limits.first { $0.resource == .memory }?.value.map { Int64($0) }
  }

  /// Which of its limits may be why a system call has failed in a process that it confines, as the end of a message; empty
  /// if none can be.
  package func hint(about error: SystemError) -> String {
    let suspects: [Resource] =
      switch error.code {
      // The stack of a thread may be what finds no room.
      case EAGAIN: [.processes, .memory]
      case ENOMEM: [.memory]
      case EMFILE: [.openFiles]
      default: []
      }
    let found = limits.filter { suspects.contains($0.resource) }.map { limit in
      let scope = limit.resource == .processes ? ", and counts all processes and threads of the user" : ""
      return "\(limit.resource.key), which is \(limit.value.map(String.init) ?? "unlimited")\(scope)"
    }
    return found.isEmpty ? "" : "; perhaps too low is \(found.joined(separator: "; or "))"
  }

  /// Whether the kernel can make the file system read-only for a process: landlock(7).
  package static var canBeReadOnly: Bool { clinux_landlock_version() > 0 }

  /// Files that everybody writes to, and that keep nothing.
  private static var devices: [String] { ["/dev/null", "/dev/zero", "/dev/full"] }

  /// Gives it all up, for good. The process must have one thread, since most of it is about the calling thread and those
  /// that it will start.
  /// - Returns: those of `writablePaths` that do not exist any more, or that a link leads to now, which code of a plugin
  ///   may have made. They are left out, so what is made there later is read-only.
  /// - Throws: what the system refuses. Then a part may have been given up.
  package func apply() throws(SystemError) -> [String] {
    if self != Confinement(), let threads = try? namesInFolder("/proc/self/task"), threads.count != 1 {
      throw SystemError(operation: "cannot confine a process that has \(threads.count) threads", code: EBUSY)
    }
    for limit in limits { try apply(limit) }
    if forbidsNewPrivileges || writablePaths != nil {
      try SystemError.check("cannot set no_new_privs: prctl", clinux_forbid_new_privileges())
    }
    // As the user before: it can open every path.
    let missing = if let writablePaths { try makeReadOnly(but: writablePaths) } else { [String]() }
    if let account { try account.become() }
    if dropsCapabilities { try SystemError.check("cannot give up capabilities: capset", clinux_drop_capabilities()) }
    return missing
  }

  private func apply(_ limit: Limit) throws(SystemError) {
    let value = limit.value.map { rlim_t($0) } ?? rlim_t.max
    var both = rlimit(rlim_cur: value, rlim_max: value)
    let shown = limit.value.map { "\($0)" } ?? "unlimited"
    try SystemError.check(
      "cannot set \(limit.resource.key) to \(shown): setrlimit",
      unsafe setrlimit(limit.resource.number, &both))
  }

  /// - Returns: those of `paths` that do not exist, or have a link on the way.
  private func makeReadOnly(but paths: [String]) throws(SystemError) -> [String] {
    let rule = try SystemError.check(
      "cannot make the file system read-only: landlock_create_ruleset", clinux_begin_read_only())
    defer { close(rule) }
    var missing: [String] = []
    for path in paths {
      do throws(SystemError) {
        try SystemError.check("cannot make \(path) writable", unsafe clinux_allow_changes(rule, path.systemPath))
      } catch {
        guard [ENOENT, ENOTDIR, ELOOP].contains(error.code) else { throw error }
        missing.append(path)
      }
    }
    // A small container may lack some of them.
    for path in Self.devices { _ = unsafe clinux_allow_changes(rule, path.systemPath) }
    try SystemError.check(
      "cannot make the file system read-only: landlock_restrict_self", clinux_keep_rule(rule))
    return missing
  }
}

/// A user and groups for a process to run as.
package struct Account: Codable, Equatable, Sendable {
  /// The name of the user, or else its number, for messages.
  package let name: String
  package let user: UInt32
  package let group: UInt32
  /// All groups whose rights it has, beside `group`.
  package let groups: [UInt32]
  /// The user's home; nil if the user stays who it is.
  package let home: String?

  package init(name: String, user: UInt32, group: UInt32, groups: [UInt32], home: String?) {
    (self.name, self.user, self.group, self.groups, self.home) = (name, user, group, groups, home)
  }

  /// The variables of the environment that name the user, as login(1) sets them.
  package var variables: [String: String] {
    guard let home else { return [:] }
    return ["HOME": home, "USER": name, "LOGNAME": name]
  }

  /// Whether it can reach what the folder at `path` contains, by the rights to it and to each folder on the way. This
  /// process must have the right to become the user.
  package func maySearch(_ path: String) -> Bool {
    unsafe clinux_may_search(path.systemPath, user, group, groups, groups.count)
  }

  fileprivate func become() throws(SystemError) {
    try SystemError.check(
      "cannot run as user \(name)", unsafe clinux_become(user, group, groups, groups.count))
  }
}
