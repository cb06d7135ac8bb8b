internal import CLinux
internal import Glibc

/// The process as a whole.
public enum HostProcess {
  public static var identifier: Int32 { getpid() }

  /// A variable of the environment; nil if it is not set.
  public static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

  /// All variables of the environment.
  public static var environment: [String: String] {
    var variables: [String: String] = [:]
    var next = environ
    while let entry = next.pointee {
      let parts = String(cString: entry).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if parts.count == 2 { variables[String(parts[0])] = String(parts[1]) }
      next += 1
    }
    return variables
  }

  /// Lets the process have as many open descriptors as the system allows it, getrlimit(2): each connection takes one, and
  /// the limit that processes start with is often 1,024.
  public static func raiseDescriptorLimit() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }

  /// Has the C library give back to the system more of what is freed than it does by itself, unless the operator has
  /// set it up otherwise, or has another allocator. Before other threads are started.
  public static func boundFreedMemory() { _ = clinux_bound_freed_memory() }

  /// Opens `/dev/null` for each standard stream that the process was started without, before anything else is opened:
  /// what got one of their numbers would be written into by the log, and by plugins.
  public static func openStandardStreams() {
    while true {
      let descriptor = open("/dev/null", O_RDWR)
      guard descriptor > STDERR_FILENO else {
        if descriptor < 0 { return }
        continue
      }
      close(descriptor)
      return
    }
  }

  /// The words that the process was started with, without its own name. Swift's `CommandLine` reads them from /proc and
  /// has none where that is not mounted.
  public static var arguments: [String] {
    (1..<max(clinux_argument_count(), 1)).compactMap { clinux_argument($0).map { String(cString: $0) } }
  }

  /// Whether /proc shows this process: proc(5). A container or a chroot may lack it.
  public static var hasProc: Bool { access("/proc/self/exe", F_OK) == 0 || errno == EACCES }

  /// The file that the process was started from, as the kernel was asked for it; empty if that is not known. To be asked
  /// for before anything changes the working directory.
  public static let startedAs: String = {
    guard let name = clinux_program() else { return "" }
    guard let path = realpath(name, nil) else { return String(cString: name) }
    defer { free(path) }
    return String(cString: path)
  }()

  /// How many descriptors the process may have open: getrlimit(2).
  package static var descriptorLimit: Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
    return Int(clamping: limit.rlim_cur)
  }

  /// Keeps standard error, to restore it when code of a plugin has closed it. Once, before plugins are loaded.
  public static func keepStandardError() { clinux_keep_standard_error() }

  /// The file of this process's program, to run it once more: by its name, since Valgrind runs no other; if that file has
  /// been removed or replaced, by the kernel's link to what it was (proc(5)). Without /proc by the name that it was
  /// started by.
  public static var binary: String {
    let link = "/proc/self/exe"
    var name = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = name.withUnsafeMutableBytes { readlink(link, $0.baseAddress!, $0.count) }
    guard count > 0 else { return startedAs.isEmpty ? link : startedAs }
    guard let path = String(validating: name[..<count], as: UTF8.self), access(path, X_OK) == 0 else { return link }
    return path
  }

  /// Makes a write beyond the limit on the size of files, getrlimit(2), an error of that write: SIGXFSZ would end the
  /// process. For every command, before it writes anything.
  public static func surviveFileSizeLimit() { clinux_survive_signal(SIGXFSZ) }

  /// Makes a write to somebody who is gone an error of that write: SIGPIPE would end the process, as is right for a command
  /// and not for a host.
  package static func surviveClosedPipes() { clinux_survive_signal(SIGPIPE) }

  /// Ends the process, with what was printed and logged before: a command waits for those who read that, a host, which
  /// has stopped waiting for the reader of its log, only so long. Exit functions do not run: those of plugins would meet
  /// threads that still run their code.
  public static func exit(_ code: Int32) -> Never {
    let output = LineOutput.standardError
    if output.isWaiting {
      fflush(nil)
    } else {
      output.flush(within: readerGrace)
      flushStreams(within: readerGrace)
    }
    _exit(code)
  }

  /// How long the end of a host waits for who reads what it wrote last, in nanoseconds.
  package static var readerGrace: Int64 { 1_000_000_000 }

  /// Writes what plugins have printed, which waits for its reader, and for a thread that waits for it already.
  private static func flushStreams(within patience: Int64) {
    let latch = Latch<Void>()
    let thread = try? SystemThread(for: "the streams") {
      fflush(nil)
      latch.arrive(())
    }
    guard let thread else { return }
    thread.detach()
    _ = latch.wait(timeout: patience)
  }
}
