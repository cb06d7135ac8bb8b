internal import AmbitCore
internal import AmbitRuntime
internal import CLinux
internal import Glibc

/// The socket of one connection: its readiness, the bytes in both directions, and the jobs that wait for it.
///
/// A field of the connection's record. Only this folder calls the system's socket functions, so another transport, such
/// as TLS, has its place here.
struct Transport {
  /// -1 once closed.
  var descriptor: Int32
  var readiness: Readiness = []
  let peer: PeerAddress
  let buffers: UnsafeMutablePointer<BufferPool>
  /// How long a job waits until the client takes bytes, in nanoseconds; it may change between waits.
  let writeTimeout: UnsafePointer<Int64>

  /// Received and not yet used: `input[inputStart ..< inputEnd]`.
  var input: BufferPointer?
  var inputStart = 0
  var inputEnd = 0
  /// To be sent: `output[outputStart ..< outputEnd]`.
  var output: BufferPointer?
  var outputStart = 0
  var outputEnd = 0

  /// The job that waits for bytes from the client.
  var inputWaiter: JobPointer?
  /// The job that waits until the client takes bytes.
  var outputWaiter: JobPointer?

  struct Readiness: OptionSet {
    let rawValue: UInt8
    /// The kernel may have bytes, or the end, to read.
    static var readable: Readiness { Readiness(rawValue: 1) }
    /// The kernel may take bytes.
    static var writable: Readiness { Readiness(rawValue: 2) }
    /// The client counts as gone: it has closed both sides, or its sending side where that is enough.
    static var peerGone: Readiness { Readiness(rawValue: 4) }
    /// A write has failed, and every further one would fail.
    static var writeFailed: Readiness { Readiness(rawValue: 8) }
    /// The client sends no more: the end of the stream follows the bytes at hand.
    static var readEOF: Readiness { Readiness(rawValue: 16) }
  }

  init(_ socket: AcceptedSocket, buffers: UnsafeMutablePointer<BufferPool>, writeTimeout: UnsafePointer<Int64>) {
    descriptor = socket.descriptor
    peer = socket.peer
    self.buffers = buffers
    self.writeTimeout = writeTimeout
    clinux_set_use(socket.descriptor, CLINUX_CONNECTION)
  }
}

typealias TransportPointer = UnsafeMutablePointer<Transport>

extension UnsafeMutablePointer<Transport> {
  /// How many bytes wait to be sent.
  @inline(__always) var pendingOutput: Int { pointee.outputEnd &- pointee.outputStart }
  /// Whether the client has closed at least its sending side, or the connection is gone. Without a list of flags: an
  /// unoptimised build would allocate it.
  @inline(__always) var hasEnded: Bool {
    pointee.readiness.contains(.readEOF) || pointee.readiness.contains(.writeFailed)
  }
  @inline(__always) var hasInput: Bool { pointee.inputStart < pointee.inputEnd }

  /// Handles the events that epoll reports.
  /// - Parameter allowsHalfClose: a client that closes its sending side only has not left.
  @inline(__always)
  func note(_ events: UInt32, allowsHalfClose: Bool) {
    if events & (IOEvents.readable | IOEvents.hangup) != 0 { pointee.readiness.insert(.readable) }
    if events & IOEvents.writable != 0 { pointee.readiness.insert(.writable) }
    if events & (allowsHalfClose ? IOEvents.broken : IOEvents.hangup) != 0 { pointee.readiness.insert(.peerGone) }
    if events & IOEvents.hangup != 0 { pointee.readiness.insert(.readEOF) }
    if events & IOEvents.broken != 0 { pointee.readiness.insert(.writeFailed) }
  }

  /// Asks the kernel whether the client has left. A handler that computes needs it, because its loop takes no events
  /// meanwhile; the kernel reports the events again later.
  func pollHangup(allowsHalfClose: Bool) {
    note(clinux_hangup_events(pointee.descriptor), allowsHalfClose: allowsHalfClose)
  }

  /// Waits, blocking the thread, until the client has sent something, at most for so many nanoseconds; false if it has
  /// sent nothing.
  func awaitBytes(for timeout: Int64) -> Bool { clinux_await_bytes(pointee.descriptor, timeout) }

  /// Bytes, or the end, have come: wakes the job that waits for them.
  @inline(__always)
  func notifyReader() { pointee.inputWaiter?.wake(.ok) }

  /// There is room, or none will come: wakes the job that waits for it, else sends what is pending.
  @inline(__always)
  func notifyWriter() {
    if let waiter = pointee.outputWaiter { waiter.wake(.ok) } else { flushWithoutWaiting() }
  }

  /// Ends the waits of jobs for the client.
  @inline(__always)
  func cancelWaits() {
    pointee.inputWaiter?.wake(.cancelled)
    pointee.inputWaiter = nil
    pointee.outputWaiter?.wake(.cancelled)
    pointee.outputWaiter = nil
  }

  /// Tells the client that nothing more will be sent (shutdown(2)).
  func shutdownSending() { shutdown(pointee.descriptor, Int32(SHUT_WR)) }

  /// Tells the client that nothing more will be sent or received, from another thread than the loop's, which hangs. The
  /// loop learns of it as of a client that has left. No effect if the connection, or its memory, is gone.
  func shutDownObserved() {
    guard let descriptor = observed(\.descriptor), descriptor >= 0 else { return }
    shutdown(descriptor, Int32(SHUT_RDWR))
  }

  /// Closes the socket and returns the buffers with their bytes.
  func close(on loop: LoopPointer) {
    // A child that is just being forked has a copy of the descriptor, so the kernel would go on to report its events.
    if clinux_has_forked() { loop.unwatch(pointee.descriptor) }
    clinux_close(pointee.descriptor)
    pointee.descriptor = -1
    dropInput()
    releaseOutput()
  }
}
