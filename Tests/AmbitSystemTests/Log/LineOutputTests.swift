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
  private var reading: Int32

  init(_ kind: Kind, limit: Int = 8 << 20) {
    // As in a host. A test may end while there is still something to write.
    signal(SIGPIPE, SIG_IGN)
    var ends: [Int32] = [-1, -1]
    let made = kind == .socket ? socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) : pipe(&ends)
    precondition(made == 0, SystemError.text(errno))
    reading = ends[0]
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
