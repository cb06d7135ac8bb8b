internal import AmbitCore
internal import AmbitRuntime
internal import Glibc

extension UnsafeMutablePointer<Exchange> {
  /// Reads bytes of the body, waiting as `job` until there are some: their number, 0 at the end, or a negative status;
  /// `.wrongState` while another job waits for them.
  func readBody(into memory: UnsafeMutableRawBufferPointer, job: JobPointer, scope: ScopePointer) -> Int64 {
    scope.cancelIfOver(for: job)
    while true {
      if job.isCancelled(in: scope) { return Int64(Status.cancelled.rawValue) }
      if pointee.body.isTooLong { return Int64(Status.limit.rawValue) }
      if pointee.body.isMalformed { return Int64(Status.invalid.rawValue) }
      guard !pointee.body.isFinished, !memory.isEmpty else { return 0 }
      guard let connection = pointee.connection else { return Int64(Status.cancelled.rawValue) }
      guard !isAwaited(byOtherThan: job) else { return Int64(Status.wrongState.rawValue) }
      let count = takeBody(into: memory, from: connection)
      if count > 0 { return Int64(count) }
      if pointee.body.isFinished || pointee.body.isTooLong || pointee.body.isMalformed { continue }
      let status = waitForBody(from: connection, job: job, scope: scope)
      guard status == .ok else { return Int64(status.rawValue) }
    }
  }

  /// Whether another job waits for the body. What has come since is that job's, also before it has its turn: else it
  /// would take what is left for the whole.
  private func isAwaited(byOtherThan job: JobPointer) -> Bool {
    guard let waiter = pointee.connection?.pointee.inputWaiter else { return false }
    return waiter != job
  }

  /// Takes bytes of the body that are here already, or that the kernel has; 0 if there are none now.
  private func takeBody(into memory: UnsafeMutableRawBufferPointer, from connection: ConnectionPointer) -> Int {
    if connection.pointee.inputStart < connection.pointee.inputEnd {
      return takeBufferedBody(into: memory, from: connection)
    }
    guard connection.pointee.flags.contains(.readable) else { return 0 }
    guard let remaining = pointee.body.remaining else {
      // In chunks: the framing has to be taken off, so the bytes go through the buffer.
      if !connection.fill() { connectionEnded(connection) }
      return connection.pointee.inputStart < connection.pointee.inputEnd
        ? takeBufferedBody(into: memory, from: connection) : 0
    }
    let capacity = Int(min(Int64(memory.count), remaining))
    guard let count = connection.receive(into: memory.baseAddress!, capacity: capacity) else {
      connectionEnded(connection)
      return 0
    }
    self.count(body: count)
    return count
  }

  private func takeBufferedBody(into memory: UnsafeMutableRawBufferPointer, from connection: ConnectionPointer) -> Int {
    let available = connection.available
    guard let remaining = pointee.body.remaining else { return takeChunks(into: memory, from: connection) }
    let count = Int(min(Int64(min(memory.count, available.count)), remaining))
    memcpy(memory.baseAddress!, available.baseAddress!, count)
    connection.pointee.inputStart += count
    self.count(body: count)
    return count
  }

  /// Takes the chunked coding off what is in the buffer, up to the next bytes of the body.
  private func takeChunks(into memory: UnsafeMutableRawBufferPointer, from connection: ConnectionPointer) -> Int {
    while connection.pointee.inputStart < connection.pointee.inputEnd {
      let window = UnsafeRawBufferPointer(rebasing: connection.available.prefix(memory.count))
      let (consumed, event) = pointee.body.decoder.next(window.bytes)
      connection.pointee.inputStart += consumed
      switch event {
      case .data(let count):
        guard pointee.body.received + Int64(count) <= pointee.body.limit else {
          pointee.body.isTooLong = true
          return 0
        }
        memcpy(memory.baseAddress!, window.baseAddress! + consumed - count, count)
        self.count(body: count)
        return count
      case .incomplete: continue
      case .end: pointee.body.isFinished = true
      case .rejected: pointee.body.isMalformed = true
      }
      return 0
    }
    return 0
  }

  private func count(body count: Int) {
    pointee.body.received += Int64(count)
    guard let remaining = pointee.body.remaining else { return }
    pointee.body.remaining = remaining - Int64(count)
    pointee.body.isFinished = remaining == Int64(count)
  }

  private func waitForBody(from connection: ConnectionPointer, job: JobPointer, scope: ScopePointer) -> Status {
    sendContinue(on: connection)
    connection.flushWithoutWaiting()
    guard !connection.pointee.flags.contains(.readable) else { return .ok }
    return connection.waitForInput(job, in: scope)
  }

  /// Gives the client leave to send the body, if it waits for that (RFC 9110, section 10.1.1). Before the head of the
  /// response, or the client would take it for a part of the body.
  func sendContinue(on connection: ConnectionPointer) {
    guard pointee.body.isContinueDue else { return }
    pointee.body.isContinueDue = false
    connection.append(.literal("HTTP/1.1 100 Continue\r\n\r\n"))
  }

  /// The client stopped in the middle of the body.
  private func connectionEnded(_ connection: ConnectionPointer) {
    connection.pointee.flags.formUnion([.peerGone, .closeAfterResponse])
    pointee.body.isMalformed = true
    clientLeft()
  }

  /// Reads the body to its end into the scope's memory; at once if all of it has come with the head.
  func readWholeBody(job: JobPointer, scope: ScopePointer) -> (Status, UnsafeRawBufferPointer) {
    let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
    if let whole = pointee.body.whole { return (.ok, whole) }
    if pointee.body.isTooLong { return (.limit, nothing) }
    if pointee.body.isMalformed { return (.invalid, nothing) }
    if pointee.body.received > 0 || isAwaited(byOtherThan: job) { return (.wrongState, nothing) }
    if let whole = takeBufferedWhole() { return (.ok, whole) }
    var capacity = Int(pointee.body.remaining ?? 16384)
    guard var memory = self.scope.allocate(capacity, isZeroed: false) else { return (.noMemory, nothing) }
    var length = 0
    while true {
      let rest = UnsafeMutableRawBufferPointer(start: memory + length, count: capacity - length)
      let count = readBody(into: rest, job: job, scope: scope)
      guard count >= 0 else { return (Status(rawValue: Int32(count)), nothing) }
      length += Int(count)
      if pointee.body.isFinished { break }
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

  /// The body as it lies behind the head in the input buffer, if it has a length and is all there.
  private func takeBufferedWhole() -> UnsafeRawBufferPointer? {
    guard let connection = pointee.connection, let remaining = pointee.body.remaining, pointee.body.received == 0,
      connection.pointee.input == pointee.input, connection.available.count >= remaining
    else { return nil }
    let whole = UnsafeRawBufferPointer(rebasing: connection.available[..<Int(remaining)])
    connection.pointee.inputStart += Int(remaining)
    count(body: Int(remaining))
    pointee.body.isFinished = true
    pointee.body.whole = whole
    return whole
  }

  /// Whether the body ends within the bytes that are here: only then can the client be sure of another response on the
  /// connection when it gets one before its body was read.
  @inline(__always)
  func bodyIsHere(on connection: ConnectionPointer) -> Bool {
    pointee.body.isFinished || bodyEnds(within: connection.available)
  }

  private func bodyEnds(within bytes: UnsafeRawBufferPointer) -> Bool {
    if let remaining = pointee.body.remaining { return bytes.count >= remaining }
    var decoder = pointee.body.decoder
    var start = 0
    while true {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
      let (consumed, event) = decoder.next(rest.bytes)
      guard case .data = event else { return event == .end }
      start += consumed
    }
  }

  /// Passes over what the handler has left of the body, if it is here; else the connection ends with this response,
  /// since the next request would begin nobody knows when.
  func skipBody(of connection: ConnectionPointer) {
    guard !pointee.body.isFinished else { return }
    withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 16) { scratch in
      while !pointee.body.isFinished, connection.pointee.inputStart < connection.pointee.inputEnd {
        guard takeBufferedBody(into: scratch, from: connection) > 0 else { break }
      }
    }
    guard !pointee.body.isFinished else { return }
    connection.pointee.flags.insert(.closeAfterResponse)
    connection.pointee.flags.remove(.peerSentClose)
  }
}
