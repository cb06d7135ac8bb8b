import AmbitRuntime
import AmbitSystem
import CLinux
import Glibc

/// The child process of dry runs, as the host sees it: a connection for messages, its output in lines, and its end. For
/// one thread.
///
/// No process that a plugin starts there outlives it, because the process here is the `Subreaper`; plugins run in a
/// child of that one.
///
/// It runs at a lower priority than the host's loops: a dry run takes some milliseconds of a core, and requests would
/// wait for that long when all cores are busy.
final class DryRunProcess {
  /// What the process sends or does.
  enum Event {
    case reply(DryRunReply)
    /// A line that the plugin wrote to standard output or standard error.
    case line(String)
    /// Bytes came over the connection that the host's code did not write.
    case malformed
    case ended(DryRunDeath)
    /// The process has lost the connection and goes on: its code has closed descriptors that it did not open.
    case closedDescriptors
    case timedOut
    case givenUp
  }

  private let id: pid_t
  private let connection: Int32
  private let output: Int32
  private let confinement: Confinement
  private var isConnected = true
  /// When the process was first seen without the connection: monotonic, nanoseconds.
  private var disconnection: Int64?
  private var outgoing: [UInt8] = []
  private var incoming = MessageStream(limit: DryRunRequest.limit)
  private var lines = LineStream()
  private var events: ArraySlice<Event> = []
  private var end: DryRunDeath?

  /// Starts `program dry-run`.
  /// - Parameter confinement: what its child will give up.
  init(_ program: String, confinedBy confinement: Confinement) throws(FileError) {
    self.confinement = confinement
    let messages = try DescriptorPair(socketsFor: program)
    let pipe = try DescriptorPair(pipeFor: program)
    id = try startProcess(
      [program, "dry-run"], environment: Self.environment(of: confinement.account),
      descriptors: [pipe.theirs, pipe.theirs, messages.theirs],
      niceness: Self.niceness, endSignal: Subreaper.endSignal)
    connection = messages.takeOurs()
    output = pipe.takeOurs()
  }

  deinit {
    if end == nil { reap(killing: true) }
    clinux_close(connection)
    clinux_close(output)
  }

  /// As nice(2) counts: on a core that the host keeps busy, the dry run gets a sixth of the time.
  private static let niceness: Int32 = 7

  /// The host's, with Swift's backtracer off: a crash must end the child at once and by its signal.
  private static func environment(of account: Account?) -> [String: String] {
    HostProcess.environment.merging(account?.variables ?? [:]) { $1 }.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
  }

  /// Sends a message. What the connection has no room for now is sent by the following calls of `next`.
  func send(_ request: DryRunRequest) {
    outgoing += MessageStream.framed(MessageEncoder.encode(request))
    flush()
  }

  /// Waits for the next event. Returns `.timedOut` if there is none before `deadline` (monotonic, nanoseconds), and
  /// `.givenUp` when `isStopping` returns true.
  func next(until deadline: Int64, unless isStopping: () -> Bool) -> Event {
    while true {
      if let event = events.popFirst() { return event }
      if let end { return .ended(end) }
      if isStopping() { return .givenUp }
      let left = deadline - Clock.monotonic
      guard left > 0 else { return .timedOut }
      wait(atMost: left)
      if hasEnded { reap(killing: false) } else if hasLostConnection { return .closedDescriptors }
    }
  }

  /// Whether the process has lost the connection, and had the time to end since.
  private var hasLostConnection: Bool {
    guard !isConnected else { return false }
    let now = Clock.monotonic
    disconnection = disconnection ?? now
    return now - disconnection! > Self.endTime
  }

  /// How long a process may take to end once it has lost the connection, in nanoseconds.
  private static let endTime: Int64 = 300_000_000

  /// Waits until something comes or can be sent. A process that has closed its connection is about to end. poll(2) does
  /// not report that end, because other processes may hold the other ends open, so the wait is short then.
  private func wait(atMost nanoseconds: Int64) {
    let slice = min(nanoseconds / 1_000_000 + 1, isConnected ? 50 : 1)
    let wanted = Int16(POLLIN | (outgoing.isEmpty ? 0 : POLLOUT))
    var ends = [
      pollfd(fd: output, events: Int16(POLLIN), revents: 0),
      pollfd(fd: isConnected ? connection : -1, events: wanted, revents: 0),
    ]
    guard unsafe poll(&ends, 2, Int32(slice)) > 0 else { return }
    _ = receive()
    flush()
  }

  /// Reads one piece without waiting. A process that never stops writing must not keep the host past the deadline.
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
    do throws(MalformedMessageError) {
      while let message = try incoming.next() {
        events.append(.reply(try MessageDecoder.decode(DryRunReply.self, from: message[...])))
      }
    } catch {
      events.append(.malformed)
    }
    return !isEmpty
  }

  /// - Returns: whether the other end is still open.
  private func read(_ descriptor: Int32, _ consume: (ArraySlice<UInt8>) -> Void) -> Bool {
    var piece = [UInt8](repeating: 0, count: 65_536)
    let count = unsafe Glibc.read(descriptor, &piece, piece.count)
    guard count > 0 else { return count < 0 && (errno == EAGAIN || errno == EINTR) }
    consume(piece[..<count])
    return true
  }

  private func flush() {
    while !outgoing.isEmpty {
      let count = unsafe Glibc.send(connection, outgoing, outgoing.count, Int32(MSG_NOSIGNAL))
      guard count > 0 else { return }
      outgoing.removeFirst(count)
    }
  }

  /// Whether it has ended. It is not reaped here, so its process id stays its own, unless a plugin has the whole process
  /// ignore SIGCHLD.
  private var hasEnded: Bool {
    var info = unsafe siginfo_t()
    let result = unsafe waitid(P_PID, id_t(id), &info, WEXITED | WNOHANG | WNOWAIT)
    return unsafe result == 0 ? info.si_signo == SIGCHLD : errno == ECHILD
  }

  /// Reads the rest of the output of a process that has ended, or ends it with all its descendants, and reaps it.
  private func reap(killing: Bool) {
    if killing { kill(id, Subreaper.endSignal) } else { while receive() {} }
    let child = OwnChildren.reap(id)
    if let rest = lines.rest() { events.append(.line(rest)) }
    end = DryRunDeath(
      end: child?.end, processorTime: child?.usage.processorTime ?? 0, confinedBy: confinement)
  }
}
