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

  /// The file of this process's program, to run it once more: by its name, since Valgrind runs no other; if that file has
  /// been removed or replaced, by the kernel's link to what it was (proc(5)).
  public static var binary: String {
    let link = "/proc/self/exe"
    var name = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = name.withUnsafeMutableBytes { readlink(link, $0.baseAddress!, $0.count) }
    guard count > 0, let path = String(validating: name[..<count], as: UTF8.self), access(path, X_OK) == 0 else {
      return link
    }
    return path
  }

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
  static var readerGrace: Int64 { 1_000_000_000 }

  /// Writes what plugins have printed, which waits for its reader, and for a thread that waits for it already.
  private static func flushStreams(within patience: Int64) {
    let gate = Gate<Void>()
    let thread = try? SystemThread(for: "the streams") {
      fflush(nil)
      gate.arrive(())
    }
    guard let thread else { return }
    thread.detach()
    _ = gate.wait(timeout: patience)
  }
}
