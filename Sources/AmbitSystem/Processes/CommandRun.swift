internal import CLinux
internal import Glibc

/// What a command has written and how it has ended.
package struct CommandRun: Sendable {
  package let output: [String]
  package let errors: [String]
  /// nil if it was ended, because its time was over or the host stops.
  package let end: ProcessEnd?

  /// More lines are not kept.
  private static var mostLines: Int { 1000 }

  /// Runs a program, and waits until it has ended. It is killed, with the processes of its group, when its time is over
  /// or `isStopping` returns true, which is called every 50 ms. Its standard input is empty. From threads that may block.
  /// - Parameters:
  ///   - words: the path of the program, then its arguments.
  ///   - timeout: in nanoseconds.
  /// - Throws: if it cannot be started.
  package init(
    _ words: [String], environment: [String: String], timeout: Int64, unless isStopping: () -> Bool
  ) throws(FileError) {
    let (output, errors) = (try Stream(words[0]), try Stream(words[0]))
    let process = try startProcess(
      words, environment: environment, descriptors: [output.theirs, errors.theirs], niceness: Self.niceness,
      endSignal: SIGKILL)
    (output.pair, errors.pair) = (nil, nil)
    let deadline = Clock.monotonic + timeout
    var isEnded = false
    while !Self.hasEnded(process) {
      if isStopping() || Clock.monotonic > deadline {
        isEnded = true
        break
      }
      var ends = [output, errors].map { pollfd(fd: $0.isOpen ? $0.descriptor : -1, events: Int16(POLLIN), revents: 0) }
      _ = unsafe poll(&ends, 2, output.isOpen || errors.isOpen ? 50 : 5)
      output.read()
      errors.read()
    }
    kill(-process, SIGKILL)
    let child = OwnChildren.reap(process)
    while output.read() {}
    while errors.read() {}
    (self.output, self.errors) = (output.allLines, errors.allLines)
    end = isEnded ? nil : child?.end
  }

  /// The requests of a host that serves come first: nice(2).
  private static let niceness: Int32 = 5

  /// It is not reaped here, so that its number stays its own.
  private static func hasEnded(_ process: Int32) -> Bool {
    var info = unsafe siginfo_t()
    let result = unsafe waitid(P_PID, id_t(process), &info, WEXITED | WNOHANG | WNOWAIT)
    return unsafe result == 0 ? info.si_signo == SIGCHLD : errno == ECHILD
  }

  /// One of the two outputs.
  private final class Stream {
    var pair: DescriptorPair?
    let theirs: Int32
    let descriptor: Int32
    private(set) var isOpen = true
    private var stream = LineStream()
    private var lines: [String] = []

    init(_ program: String) throws(FileError) {
      let pair = try DescriptorPair(pipeFor: program)
      (self.pair, theirs, descriptor) = (pair, pair.theirs, pair.takeOurs())
    }

    deinit { clinux_close(descriptor) }

    /// Reads a piece without waiting.
    /// - Returns: whether there was one.
    @discardableResult
    func read() -> Bool {
      guard isOpen else { return false }
      var piece = [UInt8](repeating: 0, count: 65_536)
      let count = unsafe Glibc.read(descriptor, &piece, piece.count)
      isOpen = count > 0 || count < 0 && (errno == EAGAIN || errno == EINTR)
      guard count > 0 else { return false }
      lines += stream.append(piece[..<count]).prefix(max(CommandRun.mostLines - lines.count, 0))
      return true
    }

    var allLines: [String] { lines + [stream.rest()].compactMap { $0 } }
  }
}
