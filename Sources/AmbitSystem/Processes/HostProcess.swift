internal import AmbitCore
internal import CCrash
internal import CLinux
internal import Glibc
internal import Synchronization

/// Properties and settings of this process as a whole.
public enum HostProcess {
  /// Its number: getpid(2).
  public static var identifier: Int32 { getpid() }

  /// What this process is.
  package enum Role: UInt8 {
    /// The supervisor, or a host without worker processes, or another command.
    case host
    case worker
    case dryRun

    fileprivate var name: String {
      switch self {
      case .host: "host"
      case .worker: "worker"
      case .dryRun: "dry run"
      }
    }
  }

  private static let role = Atomic(Role.host.rawValue)

  /// Says what this process is, for the log. Call it before plugins are loaded.
  package static func setRole(_ role: Role) { self.role.store(role.rawValue, ordering: .relaxed) }

  /// What the log calls this process when it ends: "host", "worker" or "dry run".
  public static var name: String { Role(rawValue: role.load(ordering: .relaxed))!.name }

  /// The user that it runs as: geteuid(2).
  public static var user: UInt32 { geteuid() }

  /// The group that it runs as: getegid(2).
  package static var group: UInt32 { getegid() }

  /// The groups whose rights it has beside `group`: getgroups(2).
  package static var groups: [UInt32] {
    var groups = [gid_t](repeating: 0, count: 65_536)
    return Array(groups.prefix(max(Int(unsafe getgroups(Int32(groups.count), &groups)), 0)))
  }

  /// An environment variable; nil if it is not set.
  public static func variable(_ name: String) -> String? {
    unsafe getenv(name).map { unsafe String(systemPath: $0) }
  }

  /// Takes variables out of the environment, so that neither this process nor its children find them. Call it before
  /// other threads are started: they may read the environment.
  /// - Returns: those that were set.
  package static func takeVariables(_ names: [String]) -> [String: String] {
    names.reduce(into: [:]) { taken, name in
      taken[name] = variable(name)
      unsafe unsetenv(name)
    }
  }

  /// All environment variables.
  public static var environment: [String: String] {
    var variables: [String: String] = [:]
    var next = unsafe environ
    while let entry = unsafe next.pointee {
      let parts = unsafe String(systemPath: entry).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if parts.count == 2 { variables[String(parts[0])] = String(parts[1]) }
      unsafe next += 1
    }
    return variables
  }

  /// Raises the limit on open descriptors to what the system allows, getrlimit(2): each connection takes one, and
  /// processes often start with a limit of 1,024.
  public static func raiseDescriptorLimit() {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }

  /// Makes the C library return more of the freed memory to the system than it does by default. Has no effect if the
  /// operator has set its options, or uses another allocator. Call it before other threads are started.
  public static func boundFreedMemory() { _ = clinux_bound_freed_memory() }

  /// Gives memory back to the system that only the start or a reload has used: freed memory, and the pages of programs
  /// and libraries, which come back when they are used. From any thread; takes a few milliseconds. For a process that
  /// unloads no library meanwhile.
  public static func giveBackUnusedMemory() {
    clinux_give_back_freed_memory()
    clinux_give_back_program_pages()
  }

  /// Opens `/dev/null` for each standard stream that the process was started without. Call it before any other file is
  /// opened: a file that got the number of a standard stream would receive the log, and the output of plugins.
  public static func openStandardStreams() {
    StandardOutput.noteIfClosed()
    while true {
      let descriptor = unsafe open("/dev/null", O_RDWR)
      guard descriptor > STDERR_FILENO else {
        if descriptor < 0 { return }
        continue
      }
      close(descriptor)
      return
    }
  }

  /// The arguments that the process was started with, without its own name. Swift's `CommandLine` reads them from /proc
  /// and has none if that is not mounted.
  public static var arguments: [String] {
    (1..<max(clinux_argument_count(), 1)).compactMap {
      unsafe clinux_argument($0).map { unsafe String(systemPath: $0) }
    }
  }

  /// Whether /proc shows this process: proc(5). A container or a chroot may lack it.
  public static var hasProc: Bool { unsafe access("/proc/self/exe", F_OK) == 0 || errno == EACCES }

  /// The file that the process was started from, by the name that was given to execve(2); empty if that is not known.
  /// Read it first before the working directory changes.
  public static let startedAs: String = {
    guard let name = unsafe clinux_program() else { return "" }
    guard let path = unsafe realpath(name, nil) else { return unsafe String(systemPath: name) }
    defer { unsafe free(path) }
    return unsafe String(systemPath: path)
  }()

  /// Most descriptors that the process may have open: getrlimit(2).
  package static var descriptorLimit: Int {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
    return Int(clamping: limit.rlim_cur)
  }

  /// Keeps a duplicate of standard error, to restore it if code of a plugin closes it. Call it once, before plugins are
  /// loaded.
  public static func keepStandardError() { clinux_keep_standard_error() }

  /// The path to run this program once more. The file's own name, since Valgrind runs no other; if the file was removed
  /// or replaced, the kernel's link to the original (proc(5)); without /proc, the name that the process was started by.
  public static var binary: String {
    let link = "/proc/self/exe"
    var name = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = unsafe name.withUnsafeMutableBytes { unsafe readlink(link, $0.baseAddress!, $0.count) }
    guard count > 0 else { return startedAs.isEmpty ? link : startedAs }
    let path = String(fileName: name[..<count])
    return unsafe access(path.systemPath, X_OK) == 0 ? path : link
  }

  /// Makes a write beyond the limit on the size of files, getrlimit(2), fail with EFBIG instead of ending the process
  /// by SIGXFSZ. Every command calls it before it writes anything.
  public static func surviveFileSizeLimit() { clinux_survive_signal(SIGXFSZ) }

  /// Lets the end of a child process be known, although the process was started with SIGCHLD ignored. Every command
  /// calls it before it starts a process.
  public static func noticeChildren() { clinux_notice_children() }

  /// Makes a write to a closed pipe or connection fail with EPIPE instead of ending the process by SIGPIPE, which is
  /// right for a command and not for a host.
  package static func surviveClosedPipes() { clinux_survive_signal(SIGPIPE) }

  /// Writes what was printed and logged before, and ends the process. A command blocks until the readers have it; a
  /// host, whose log does not block, waits at most `flushTimeout`, and not beyond `end` (monotonic nanoseconds). Exit
  /// functions do not run: those of plugins would run beside threads that still run code of plugins.
  public static func exit(_ code: Int32, by end: Int64 = .max) -> Never {
    let output = LineOutput.standardError
    if output.isBlocking {
      fflush(nil)
    } else {
      let end = min(end, Clock.monotonic + flushTimeout)
      output.flush(within: end - Clock.monotonic)
      flushStreams(within: end - Clock.monotonic)
    }
    ccrash_exit_host(code)
  }

  /// How long the end of a host waits for the readers of its log and its output, in nanoseconds.
  package static var flushTimeout: Int64 { 1_000_000_000 }

  /// Writes what plugins have printed. On a thread of its own: fflush(3) blocks for the reader, and for a thread that
  /// already does.
  private static func flushStreams(within timeout: Int64) {
    let latch = Latch<Void>()
    let thread = try? SystemThread(for: "the streams") {
      fflush(nil)
      latch.arrive(())
    }
    guard let thread else { return }
    thread.detach()
    _ = latch.wait(timeout: timeout)
  }
}
