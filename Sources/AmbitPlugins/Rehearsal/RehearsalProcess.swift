import AmbitRuntime
import CLinux
import Glibc

/// The child process in which plugins are rehearsed, as the host holds it: a connection for messages, its output line by
/// line, and its end. For one thread.
///
/// What a plugin starts there does not outlive it: the process that is held here is the keeper of the one in which
/// plugins run, see `RehearsalKeeper`.
///
/// It gives way to the host's loops: a rehearsal takes some milliseconds of a core, which requests would have to wait
/// for when all cores are busy.
final class RehearsalProcess {
  /// What can come from it.
  enum Event {
    case reply(RehearsalReply)
    /// A line of its output that is no message: what the plugin writes by itself.
    case line(String)
    /// Something else than the host's code has written into the connection.
    case malformed
    case ended(ProcessEnd)
    case timedOut
    case givenUp
  }

  private let id: pid_t
  private let connection: Int32
  private let output: Int32
  private var isConnected = true
  private var outgoing: [UInt8] = []
  private var incoming = MessageStream()
  private var lines = LineStream()
  private var events: ArraySlice<Event> = []
  private var end: ProcessEnd?

  /// Starts `program rehearse`.
  init(_ program: String) throws(FileError) {
    let messages = try DescriptorPair(socketsFor: program)
    let pipe = try DescriptorPair(pipeFor: program)
    id = try Self.start([program, "rehearse"], connection: messages.theirs, output: pipe.theirs)
    connection = messages.takeOurs()
    output = pipe.takeOurs()
  }

  deinit {
    if end == nil { reap(killing: true) }
    clinux_close(connection)
    clinux_close(output)
  }

  /// As nice(2) counts: a core on which the host has enough to do gives a sixth of itself to the rehearsal.
  private static let niceness: Int32 = 7

  private static func start(_ words: [String], connection: Int32, output: Int32) throws(FileError) -> pid_t {
    let nothing = try systemCall("open it", "/dev/null") { open("/dev/null", O_RDONLY | O_CLOEXEC) }
    let vector = words.map { strdup($0) } + [nil]
    let variables = environment.map { strdup("\($0)=\($1)") } + [nil]
    defer {
      close(nothing)
      for text in vector + variables { free(text) }
    }
    let descriptors = [nothing, output, output, connection]
    return try systemCall("start it", words[0]) {
      clinux_run_beside(vector, variables, descriptors, descriptors.count, niceness, RehearsalKeeper.endSignal)
    }
  }

  /// This process's. A crash is to end the child at once and by its signal, which Swift's own reporter would handle.
  private static var environment: [String: String] {
    HostProcess.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
  }

  /// Sends a message, in the calls of `next` that follow if there is no room now.
  func send(_ order: RehearsalOrder) {
    outgoing += MessageStream.framed(order.bytes)
    flush()
  }

  /// The next that comes from the process; `.timedOut` if nothing has until `deadline` (monotonic, nanoseconds), and
  /// `.givenUp` once `isOff` says that nobody is to wait any more.
  func next(until deadline: Int64, unless isOff: () -> Bool) -> Event {
    while true {
      if let event = events.popFirst() { return event }
      if let end { return .ended(end) }
      if isOff() { return .givenUp }
      let left = deadline - Clock.monotonic
      guard left > 0 else { return .timedOut }
      wait(atMost: left)
      if hasEnded { reap(killing: false) }
    }
  }

  /// Waits until something comes or can be sent. A process that has closed its connection is about to end, so it is
  /// looked at often; but something may hold the other ends open, so that its end is no event here.
  private func wait(atMost nanoseconds: Int64) {
    let slice = min(nanoseconds / 1_000_000 + 1, isConnected ? 50 : 1)
    let wanted = Int16(POLLIN | (outgoing.isEmpty ? 0 : POLLOUT))
    var ends = [
      pollfd(fd: output, events: Int16(POLLIN), revents: 0),
      pollfd(fd: isConnected ? connection : -1, events: wanted, revents: 0),
    ]
    guard poll(&ends, 2, Int32(slice)) > 0 else { return }
    _ = receive()
    flush()
  }

  /// Takes a piece of what has come, without waiting: a process that never stops writing has to wait for the host, and
  /// the host for its deadline.
  /// - Returns: whether there was anything.
  private func receive() -> Bool {
    var isEmpty = true
    isConnected =
      read(connection) { piece in
        isEmpty = false
        incoming.append(piece)
      } && isConnected
    _ = read(output) { piece in
      isEmpty = false
      events += lines.append(piece).map { .line($0) }
    }
    do throws(MalformedMessage) {
      while let message = try incoming.next() { events.append(.reply(try RehearsalReply(message[...]))) }
    } catch {
      events.append(.malformed)
    }
    return !isEmpty
  }

  /// - Returns: whether the other end is still open.
  private func read(_ descriptor: Int32, _ consume: (ArraySlice<UInt8>) -> Void) -> Bool {
    var piece = [UInt8](repeating: 0, count: 65_536)
    let count = Glibc.read(descriptor, &piece, piece.count)
    guard count > 0 else { return count < 0 && (errno == EAGAIN || errno == EINTR) }
    consume(piece[..<count])
    return true
  }

  private func flush() {
    while !outgoing.isEmpty {
      let count = Glibc.send(connection, outgoing, outgoing.count, Int32(MSG_NOSIGNAL))
      guard count > 0 else { return }
      outgoing.removeFirst(count)
    }
  }

  /// Whether it has ended, which leaves its number its own until it is reaped.
  private var hasEnded: Bool {
    var info = siginfo_t()
    return waitid(P_PID, id_t(id), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_signo == SIGCHLD
  }

  /// Takes the last there is from a process that has ended, or ends it, and all that descends from it.
  private func reap(killing: Bool) {
    if killing { kill(id, RehearsalKeeper.endSignal) } else { while receive() {} }
    var status: Int32 = 0
    while waitpid(id, &status, 0) == -1, errno == EINTR {}
    if let rest = lines.rest() { events.append(.line(rest)) }
    end = ProcessEnd(status: status)
  }
}
