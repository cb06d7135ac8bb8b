internal import AmbitCore
internal import CLinux
internal import Glibc

/// Replaces the program of this process by another one, which keeps the process's number, its children and the
/// descriptors that it is given: execve(2).
package enum ProgramReplacement {
  /// Opens the file of the running program, so that it can be run again even if its file is replaced meanwhile. The
  /// caller owns the descriptor.
  package static func openOwnProgram() throws(SystemError) -> Int32 {
    let path = "/proc/self/exe"
    return try SystemError.check("cannot open \(path)", unsafe clinux_own(open(path, O_RDONLY | O_CLOEXEC)))
  }

  /// A path to run the program of an open file: `name` if the file is still there, which process lists show then.
  package static func path(of descriptor: Int32, named name: String) -> String {
    var (open, named) = (stat(), stat())
    let isSame = unsafe fstat(descriptor, &open) == 0 && stat(name.systemPath, &named) == 0
      && open.st_dev == named.st_dev && open.st_ino == named.st_ino
    return isSame ? name : "/proc/self/fd/\(descriptor)"
  }

  /// Runs another program in place of this one, with the arguments of this one, its own name included. All threads end.
  /// Signals that come until the other program unblocks them stay pending if `Signals.hold` was called before. From any
  /// thread; returns only if that fails.
  /// - Parameters:
  ///   - descriptors: what the other program inherits besides the standard streams.
  ///   - environment: all its variables.
  /// - Returns: the system's reason. Nothing has changed then.
  package static func run(
    _ program: String, environment: [String: String], keeping descriptors: [Int32]
  ) -> SystemError {
    let words = unsafe ([ownName] + HostProcess.arguments).map { unsafe strdup($0.systemPath) } + [nil]
    let variables = unsafe environment.map { unsafe strdup("\($0)=\($1)".systemPath) } + [nil]
    defer { unsafe (words + variables).forEach { unsafe free($0) } }
    var (all, before) = (sigset_t(), sigset_t())
    unsafe sigfillset(&all)
    unsafe pthread_sigmask(SIG_SETMASK, &all, &before)
    for descriptor in descriptors { _ = fcntl(descriptor, F_SETFD, 0) }
    unsafe execve(program.systemPath, words, variables)
    let error = SystemError(operation: "cannot run \(program)")
    for descriptor in descriptors { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    unsafe pthread_sigmask(SIG_SETMASK, &before, nil)
    return error
  }

  private static var ownName: String { unsafe clinux_argument(0).map { unsafe String(systemPath: $0) } ?? "ambit" }

  /// Takes a descriptor over, once, that this program has inherited in the place of another one. What this process starts
  /// does not inherit it.
  package static func takeOver(_ descriptor: Int32) {
    _ = clinux_own(descriptor)
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
  }

  /// Closes a descriptor that was taken over.
  package static func close(_ descriptor: Int32) { _ = clinux_close(descriptor) }
}

/// A file in memory that one program writes for the next one of the same process: memfd_create(2).
package enum MemoryFile {
  /// Makes a file with this content.
  /// - Returns: its descriptor, which is the caller's.
  package static func make(_ name: String, _ bytes: [UInt8]) throws(SystemError) -> Int32 {
    let descriptor = try SystemError.check("memfd_create", unsafe clinux_memory_file(name, bytes.count))
    var written = 0
    while written < bytes.count {
      let count = unsafe bytes.withUnsafeBytes {
        unsafe pwrite(descriptor, $0.baseAddress! + written, bytes.count - written, off_t(written))
      }
      guard count > 0 || errno == EINTR else {
        let error = SystemError(operation: "pwrite")
        clinux_close(descriptor)
        throw error
      }
      written += max(count, 0)
    }
    return descriptor
  }

  /// The whole content; nil if the descriptor is none of a file.
  package static func read(_ descriptor: Int32) -> [UInt8]? {
    let size = Int(clinux_file_size(descriptor))
    guard size >= 0 else { return nil }
    var bytes = [UInt8](repeating: 0, count: size)
    var place = 0
    while place < size {
      let count = unsafe bytes.withUnsafeMutableBytes {
        unsafe pread(descriptor, $0.baseAddress! + place, size - place, off_t(place))
      }
      guard count > 0 || count < 0 && errno == EINTR else { return nil }
      place += max(count, 0)
    }
    return bytes
  }
}
