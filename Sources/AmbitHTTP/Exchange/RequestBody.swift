internal import AmbitCore

/// Where a request's body is in being read.
struct RequestBody {
  /// Bytes still to come; nil for a body in chunks, whose end only the decoder knows.
  var remaining: Int64? = 0
  var decoder = ChunkedDecoder()
  var isFinished = true
  /// Bytes read so far.
  var received: Int64 = 0
  /// Bytes that may be read in all.
  var limit: Int64 = 0
  /// More came than the host accepts.
  var isTooLong = false
  /// The client waits for leave to send.
  var isContinueDue = false
  /// The client's framing was wrong; nothing more can be read.
  var isMalformed = false
  /// What `ambit_body` found.
  var whole: UnsafeRawBufferPointer?

  /// Makes it the body of a request whose head is not known yet. Field by field, as `begin`: records are used again for
  /// every request, and a whole new value would be made on the stack and copied.
  @inline(__always)
  mutating func reset() {
    isFinished = true
    received = 0
    isTooLong = false
    isContinueDue = false
    isMalformed = false
    whole = nil
  }

  /// Takes from the head how the body is framed, and whether it is longer than `limit`. Whatever becomes of the request,
  /// its body is not the next one.
  @inline(__always)
  mutating func begin(_ framing: BodyFraming, expectsContinue: Bool, limit: Int64) {
    self.limit = limit
    switch framing {
    case .none: remaining = 0
    case .length(let length):
      isTooLong = length > limit
      remaining = length
      isFinished = length == 0
    case .chunked:
      remaining = nil
      decoder = ChunkedDecoder()
      isFinished = false
    }
    isContinueDue = expectsContinue && !isFinished
  }
}
