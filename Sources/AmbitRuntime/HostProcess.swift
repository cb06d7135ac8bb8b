internal import CLinux
internal import Glibc
internal import Synchronization

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

  /// Writes to standard error, in as few system calls as it takes, and nothing of another thread's in between: a pipe
  /// takes no more than 4 KiB at once for sure.
  public static func writeError(_ text: String) {
    var text = text
    text.withUTF8 { bytes in
      errorOutput.withLock { _ in
        var rest = UnsafeRawBufferPointer(bytes)
        while !rest.isEmpty {
          let count = write(STDERR_FILENO, rest.baseAddress!, rest.count)
          guard count > 0 else { return }
          rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
      }
    }
  }

  private static let errorOutput = Mutex<Void>(())

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

  /// Ends the process now, with what was printed before. Exit functions do not run: those of plugins would meet threads
  /// that still run their code.
  public static func exit(_ code: Int32) -> Never {
    fflush(nil)
    _exit(code)
  }
}
