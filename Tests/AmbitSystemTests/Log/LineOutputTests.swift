import Glibc
import Testing

@testable import AmbitSystem

@Suite struct `Lines for a reader that does not read` {
  @Test(arguments: UnreadStream.Kind.allCases)
  func `Lines for a slow reader do not block the writer, and are written in order when it reads again`(
    kind: UnreadStream.Kind
  ) throws {
    let stream = UnreadStream(kind)
    let lines = (0..<5000).map { "line \($0) \(String(repeating: "x", count: 200))\n" }
    try stream.write(lines)
    #expect(!stream.output.flush(within: 0))
    #expect(stream.read(until: lines.last!) == lines.joined())
    #expect(stream.output.flush(within: 60_000_000_000))
    try stream.write(["later\n"])
    #expect(stream.read(until: "later\n") == "later\n")
  }

  @Test(arguments: UnreadStream.Kind.allCases)
  func `Lines beyond the limit are dropped, and one line in their place reports how many`(kind: UnreadStream.Kind)
    throws
  {
    let stream = UnreadStream(kind, limit: 10_000)
    let lines = (0..<5000).map { "line \($0) \(String(repeating: "x", count: 200))\n" }
    try stream.write(lines)
    let text = stream.read(until: "dropped\n")
    let kept = text.split(separator: "\n").count - 1
    #expect(kept > 10_000 / lines[0].utf8.count && kept < lines.count)
    #expect(text == lines.prefix(kept).joined() + "\(lines.count - kept) dropped\n")
    try stream.write(["later\n"])
    #expect(stream.read(until: "later\n") == "later\n")
  }

  @Test func `Lines are buffered whole, the first one whatever its length`() throws {
    let stream = UnreadStream(.pipe, limit: 10)
    let line = String(repeating: "long ", count: 100_000) + "\n"
    try stream.write([line, "short\n"])
    #expect(stream.read(until: "dropped\n") == line + "1 dropped\n")
  }

  @Test func `Lines for a slow reader delay a flush no longer than its timeout`() throws {
    let stream = UnreadStream(.pipe)
    try stream.write([String(repeating: "x", count: 1 << 20)])
    let began = Clock.monotonic
    #expect(!stream.output.flush(within: 20_000_000))
    #expect(Clock.monotonic - began >= 20_000_000)
  }

  @Test func `Lines are discarded at once if the reader is gone`() throws {
    let stream = UnreadStream(.pipe)
    try stream.write([String(repeating: "x", count: 1 << 20)])
    stream.closeReader()
    #expect(stream.output.flush(within: 60_000_000_000))
  }

  @Test func `Lines for a full disk are dropped at once, and not buffered`() throws {
    let full = open("/dev/full", O_WRONLY | O_CLOEXEC)
    try #require(full >= 0)
    defer { close(full) }
    let output = LineOutput(full)
    output.makeNonBlocking { "\($0) dropped\n" }
    for line in ["one\n", "two\n", "three\n"] { output.write(line) }
    #expect(output.flush(within: 0))
  }
}

/// A stream from a `LineOutput` to a reader that reads when the test says so.
final class UnreadStream {
  enum Kind: CaseIterable {
    case pipe
    /// One that cannot be opened again.
    case foreignPipe
    case socket
  }

  let output: LineOutput
  let writing: Int32
  private var reading: Int32

  init(_ kind: Kind, limit: Int = 8 << 20) {
    // As in a host. A test may end while there is still something to write.
    signal(SIGPIPE, SIG_IGN)
    var ends: [Int32] = [-1, -1]
    let made = kind == .socket ? socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) : pipe(&ends)
    precondition(made == 0, SystemError.text(errno))
    (reading, writing) = (ends[0], ends[1])
    output = LineOutput(ends[1])
    let writer = NonBlockingWriter(ends[1], mayReopen: kind != .foreignPipe)
    output.makeNonBlocking(LogBuffer(for: writer, limit: limit) { "\($0) dropped\n" })
  }

  deinit { closeReader() }

  func closeReader() {
    if reading >= 0 { close(reading) }
    reading = -1
  }

  /// Writes from another thread, and fails if it blocks.
  func write(_ lines: [String]) throws {
    let latch = Latch<Void>()
    try SystemThread(for: "a test") { [output] in
      for line in lines { output.write(line) }
      latch.arrive(())
    }.detach()
    try #require(latch.wait(timeout: 60_000_000_000) != nil, "the writer blocks for the reader")
  }

  /// Reads until the text so far ends in `ending`.
  func read(until ending: String) -> String {
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65_536)
    while !bytes.suffix(ending.utf8.count).elementsEqual(ending.utf8) {
      let count = Glibc.read(reading, &piece, piece.count)
      guard count > 0 else { break }
      bytes += piece[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

@Suite struct `Lines of several processes` {
  @Test func `Nothing is written while another process is in the middle of a line, and all of it after its end`()
    throws
  {
    let stream = UnreadStream(.pipe)
    let other = try LockingProcess(stream.writing)
    try stream.write(["mine\n"])
    #expect(!stream.output.flush(within: 30_000_000))
    other.end()
    #expect(stream.output.flush(within: 60_000_000_000))
    #expect(stream.read(until: "mine\n") == "mine\n")
  }

  @Test(arguments: [UnreadStream.Kind.pipe, .socket])
  func `A process in the middle of a line keeps others from writing until the line has ended`(
    kind: UnreadStream.Kind
  ) throws {
    let stream = UnreadStream(kind)
    try stream.write(["short\n"])
    #expect(!LockingProcess.isLocked(stream.writing), "a whole line locks nothing")
    let line = String(repeating: "x", count: 1 << 20) + "\n"
    try stream.write([line])
    #expect(LockingProcess.isLocked(stream.writing))
    #expect(stream.read(until: "x\n") == "short\n" + line)
    #expect(stream.output.flush(within: 60_000_000_000))
    #expect(!LockingProcess.isLocked(stream.writing))
  }
}

/// A process that locks a stream as one does that is in the middle of a line.
private struct LockingProcess {
  private let pid: pid_t

  /// Returns when it has the lock. It inherits the stream as descriptor 9.
  init(_ stream: Int32) throws {
    pid = try Self.start("lock", stream)
    var status: Int32 = 0
    try #require(waitpid(pid, &status, WUNTRACED) == pid && status & 0xff == 0x7f, "it has not stopped: \(status)")
  }

  func end() {
    kill(pid, SIGKILL)
    waitpid(pid, nil, 0)
  }

  /// Whether another process has locked the stream, as a third one sees it.
  static func isLocked(_ stream: Int32) -> Bool {
    guard let pid = try? start("look", stream) else { return false }
    var status: Int32 = 0
    waitpid(pid, &status, 0)
    return status == 1 << 8
  }

  private static func start(_ order: String, _ stream: Int32) throws -> pid_t {
    let program = """
      import fcntl, os, signal, sys
      try: fcntl.lockf(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
      except OSError: sys.exit(1)
      if sys.argv[1] == 'lock': os.kill(os.getpid(), signal.SIGSTOP)
      """
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, stream, 9)
    let texts: [String] = ["python3", "-c", program, order]
    let words = texts.map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var pid: pid_t = 0
    let code = posix_spawnp(&pid, "python3", &actions, nil, words, environ)
    try #require(code == 0, "python3 does not start: \(code)")
    return pid
  }
}
