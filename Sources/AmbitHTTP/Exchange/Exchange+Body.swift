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
      if !pointee.body.buffered.isEmpty { return Int64(pointee.body.takeBuffered(into: memory)) }
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
    let isUntouched = pointee.body.received == Int64(pointee.body.buffered.count)
    if !isUntouched || pointee.carrier?.isBodyAwaited(byOtherThan: job) == true { return (.wrongState, nothing) }
    if pointee.body.state == .finished, !pointee.body.buffered.isEmpty {
      return (.ok, pointee.body.takeWholeFromBuffer())
    }
    if let whole = pointee.carrier?.takeBodyInPlace(of: self) {
      pointee.body.whole = whole
      return (.ok, whole)
    }
    var capacity = firstCapacity
    var (status, piece) = self.scope.allocateWithinLimit(capacity, isZeroed: false)
    guard var memory = piece else { return (status, nothing) }
    var length = 0
    while true {
      let rest = UnsafeMutableRawBufferPointer(start: memory + length, count: capacity - length)
      let count = readBody(into: rest, job: job, scope: scope)
      guard count >= 0 else { return (Status(rawValue: Int32(count)), nothing) }
      length += Int(count)
      if pointee.body.state == .finished { break }
      guard length == capacity else { continue }
      capacity *= 2
      (status, piece) = self.scope.allocateWithinLimit(capacity, isZeroed: false)
      guard let larger = piece else { return (status, nothing) }
      memcpy(larger, memory, length)
      memory = larger
    }
    let whole = UnsafeRawBufferPointer(start: memory, count: length)
    pointee.body.whole = whole
    return (.ok, whole)
  }

  /// Receives the body, as far as it has at most `limit` bytes, waiting as `job`. `readBody` and `readWholeBody` hand
  /// out these bytes first. A body that has come with its head is not copied.
  func receiveBody(upTo limit: Int, as job: JobPointer) -> Status {
    guard pointee.body.state == .reading, let carrier = pointee.carrier else { return .ok }
    if let whole = carrier.takeBodyInPlace(of: self) {
      pointee.body.buffered = whole
      return .ok
    }
    var capacity = Swift.min(firstCapacity, limit)
    guard var memory = scope.allocate(capacity, isZeroed: false) else { return .noMemory }
    var length = 0
    while pointee.body.state == .reading, length < limit {
      if length == capacity {
        capacity = Swift.min(capacity * 2, limit)
        guard let larger = scope.allocate(capacity, isZeroed: false) else { return .noMemory }
        memcpy(larger, memory, length)
        memory = larger
      }
      let rest = UnsafeMutableRawBufferPointer(start: memory + length, count: capacity - length)
      let count = readBody(into: rest, job: job, scope: scope)
      guard count >= 0 else { return Status(rawValue: Int32(count)) }
      length += Int(count)
    }
    pointee.body.buffered = UnsafeRawBufferPointer(start: memory, count: length)
    return .ok
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
  /// Bytes that were received before the request took its thread, and that nobody has read yet.
  var buffered = UnsafeRawBufferPointer(start: nil, count: 0)

  /// Makes it the body of a request whose head is not known yet. Field by field, as `begin`: records are used again for
  /// every request, and a whole new value would be made on the stack and copied.
  @inline(__always)
  mutating func reset() {
    state = .finished
    received = 0
    isContinueDue = false
    whole = nil
    buffered = UnsafeRawBufferPointer(start: nil, count: 0)
  }

  /// Moves buffered bytes to `memory` and returns their number.
  mutating func takeBuffered(into memory: UnsafeMutableRawBufferPointer) -> Int {
    let count = Swift.min(memory.count, buffered.count)
    guard count > 0 else { return 0 }
    memcpy(memory.baseAddress!, buffered.baseAddress!, count)
    buffered = UnsafeRawBufferPointer(rebasing: buffered[count...])
    return count
  }

  /// Makes the buffered bytes the whole body.
  mutating func takeWholeFromBuffer() -> UnsafeRawBufferPointer {
    let bytes = buffered
    buffered = UnsafeRawBufferPointer(start: nil, count: 0)
    whole = bytes
    return bytes
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
