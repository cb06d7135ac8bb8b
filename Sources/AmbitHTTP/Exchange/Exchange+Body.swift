internal import AmbitCore
internal import AmbitRuntime
internal import Glibc

// How handlers and jobs read the request's body.

extension UnsafeMutablePointer<Exchange> {
  /// Reads bytes of the body, waiting as `job` until there are some: their number, 0 at the end, or a negative status;
  /// `.wrongState` while another job waits for them.
  func readBody(into memory: UnsafeMutableRawBufferPointer, job: JobPointer, scope: ScopePointer) -> Int64 {
    scope.cancelIfOver(for: job)
    while true {
      if job.isCancelled(in: scope) { return Int64(Status.cancelled.rawValue) }
      switch pointee.body.state {
      case .tooLong: return Int64(Status.limit.rawValue)
      case .malformed: return Int64(Status.invalid.rawValue)
      case .finished: return 0
      case .reading: break
      }
      guard !memory.isEmpty else { return 0 }
      guard let carrier = pointee.carrier else { return Int64(Status.cancelled.rawValue) }
      let result = carrier.readBody(of: self, into: memory, job: job, scope: scope)
      if result != 0 { return result }
    }
  }

  /// Reads the body to its end into the scope's memory; at once if all of it has come with the head.
  func readWholeBody(job: JobPointer, scope: ScopePointer) -> (Status, UnsafeRawBufferPointer) {
    let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
    if let whole = pointee.body.whole { return (.ok, whole) }
    if pointee.body.state == .tooLong { return (.limit, nothing) }
    if pointee.body.state == .malformed { return (.invalid, nothing) }
    if pointee.body.received > 0 || pointee.carrier?.isBodyAwaited(byOtherThan: job) == true {
      return (.wrongState, nothing)
    }
    if let whole = pointee.carrier?.takeBodyInPlace(of: self) {
      pointee.body.whole = whole
      return (.ok, whole)
    }
    var capacity = firstCapacity
    guard var memory = self.scope.allocate(capacity, isZeroed: false) else { return (.noMemory, nothing) }
    var length = 0
    while true {
      let rest = UnsafeMutableRawBufferPointer(start: memory + length, count: capacity - length)
      let count = readBody(into: rest, job: job, scope: scope)
      guard count >= 0 else { return (Status(rawValue: Int32(count)), nothing) }
      length += Int(count)
      if pointee.body.state == .finished { break }
      guard length == capacity else { continue }
      capacity *= 2
      guard let larger = self.scope.allocate(capacity, isZeroed: false) else { return (.noMemory, nothing) }
      memcpy(larger, memory, length)
      memory = larger
    }
    let whole = UnsafeRawBufferPointer(start: memory, count: length)
    pointee.body.whole = whole
    return (.ok, whole)
  }

  /// How many bytes to make room for before the body is read. A body of known length is within the limit.
  private var firstCapacity: Int {
    switch pointee.head.body {
    case .none: 0
    case .known(let length): Int(length)
    case .unknown: 16384
    }
  }
}

/// The body of an exchange's request, whatever carries it.
struct RequestBody {
  var state = RequestBodyState.finished
  /// Bytes read so far.
  var received: Int64 = 0
  /// The limit of bytes that may be read.
  var limit: Int64 = 0
  /// The client waits for `100 Continue`.
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
    guard length != .none else { return }
    state = RequestBodyState(length, limit: limit)
    isContinueDue = expectsContinue && state != .finished
  }

  /// Takes an event if the body is still being read.
  mutating func change(_ event: RequestBodyState.Event) {
    if let next = state.after(event) { state = next }
  }
}
