internal import AmbitCore

/// The body of an exchange's request, whatever carries it.
struct RequestBody {
  var state = RequestBodyState.finished
  /// Bytes read so far.
  var received: Int64 = 0
  /// Bytes that may be read in all.
  var limit: Int64 = 0
  /// The client waits for leave to send.
  var isContinueDue = false
  /// The whole body, once `ambit_body` has read it.
  var whole: UnsafeRawBufferPointer?

  /// Makes it the body of a request whose head is not known yet. Field by field, as `begin`: records are used again for
  /// every request, and a whole new value would be made on the stack and copied.
  @inline(__always)
  mutating func reset() {
    state = .finished
    received = 0
    isContinueDue = false
    whole = nil
  }

  /// Takes from the head whether there is a body, and whether it is longer than `limit`.
  @inline(__always)
  mutating func begin(_ length: BodyLength, expectsContinue: Bool, limit: Int64) {
    self.limit = limit
    state = RequestBodyState(length, limit: limit)
    isContinueDue = expectsContinue && state != .finished
  }

  /// Takes an event if the body is still being read.
  mutating func change(_ event: RequestBodyState.Event) {
    if let next = state.after(event) { state = next }
  }
}
