/// What a request's response has come to.
struct Response {
  var phase = Phase.unbegun
  /// What the plugin set; used where the head is written without naming one.
  var status = 200
  /// Header lines that the plugin set, each with its line end; in the scope's memory.
  var lines = HeaderLines()
  /// Bytes of the body that the head has announced and that are still to come; nil for a body in chunks or to the close.
  var remaining: Int64?
  /// Bytes of the body go out in chunks.
  var isChunked = false
  /// There is a head only: the request was HEAD, or the status has no body.
  var isBodyless = false
  /// Part of the body could not be sent, and no more will be.
  var isCutShort = false
  /// The connection's job waits for the response to be complete.
  var isAwaited = false

  var isComplete: Bool { phase == .complete }

  /// Makes it the response of another request.
  @inline(__always)
  mutating func reset() {
    phase = .unbegun
    status = 200
    lines.reset()
    remaining = nil
    isChunked = false
    isBodyless = false
    isCutShort = false
    isAwaited = false
  }

  enum Phase {
    case unbegun
    /// The head is written, the body is not complete.
    case streaming
    case complete
  }
}
