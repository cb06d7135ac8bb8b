internal import AmbitCore
internal import AmbitRuntime
internal import CLinux
internal import Glibc

extension UnsafeMutablePointer<Transport> {
  /// Room for the next `count` bytes to be sent. The caller writes them there and calls `didWrite`.
  @inline(__always)
  func reserve(_ count: Int) -> UnsafeMutableRawPointer {
    if pointee.output == nil, count <= Buffer.standardCapacity { pointee.output = pointee.buffers.pointee.make() }
    if let output = pointee.output, output.pointee.capacity &- pointee.outputEnd >= count {
      return output.bytes + pointee.outputEnd
    }
    growOutput(by: count)
    return pointee.output!.bytes + pointee.outputEnd
  }

  @inline(__always)
  func didWrite(_ count: Int) { pointee.outputEnd &+= count }

  /// Appends a copy of bytes to the pending ones.
  @inline(__always)
  func append(_ bytes: UnsafeRawBufferPointer) {
    guard let source = bytes.baseAddress else { return }
    memcpy(reserve(bytes.count), source, bytes.count)
    didWrite(bytes.count)
  }

  @inline(never)
  private func growOutput(by count: Int) {
    flushWithoutWaiting()
    let pending = pendingOutput
    let new = pointee.buffers.pointee.make(capacity: max(pending + count, pending * 2))
    if let old = pointee.output {
      memcpy(new.bytes, old.bytes + pointee.outputStart, pending)
      old.release(to: pointee.buffers)
    }
    pointee.output = new
    pointee.outputStart = 0
    pointee.outputEnd = pending
  }

  /// Sends as many bytes as the kernel takes now.
  func flushWithoutWaiting() {
    guard pointee.outputStart < pointee.outputEnd, pointee.readiness.contains(.writable) else { return }
    _ = sendOnce(UnsafeRawBufferPointer(start: nil, count: 0))
  }

  /// Sends all pending bytes, waiting as `job` if the client is slow; false if they cannot be sent.
  @inline(__always)
  func flush(as job: JobPointer) -> Bool {
    guard pointee.outputStart < pointee.outputEnd else { return true }
    if sendPending() { return true }
    return send(UnsafeRawBufferPointer(start: nil, count: 0), job: job, scope: job.pointee.scope).status == .ok
  }

  /// Whether one system call took all pending bytes.
  @inline(__always)
  private func sendPending() -> Bool {
    guard !pointee.readiness.contains(.writeFailed) else { return false }
    let pending = pendingOutput
    let count = clinux_send(pointee.descriptor, pointee.output!.bytes + pointee.outputStart, pending)
    guard count == pending else {
      _ = noteShort(count, pending: pending)
      return false
    }
    releaseOutput()
    return true
  }

  /// Sends all pending bytes and then `body`, without copying it, waiting as `job` if the client is slow.
  ///
  /// `.closed` if the client has gone; if the wait was cancelled, part may have been sent.
  /// - Returns: the status, and how many bytes of `body` were sent.
  func send(_ body: UnsafeRawBufferPointer, job: JobPointer, scope: ScopePointer) -> (status: Status, sent: Int) {
    var rest = body
    while true {
      guard let sent = sendOnce(rest) else { return (.closed, body.count - rest.count) }
      rest = UnsafeRawBufferPointer(rebasing: rest[sent...])
      if rest.isEmpty, pointee.outputStart == pointee.outputEnd { return (.ok, body.count) }
      if pointee.readiness.contains(.writable) { continue }
      let status = waitForRoom(job, in: scope)
      guard status == .ok else { return (status == .timedOut ? .closed : status, body.count - rest.count) }
    }
  }

  private func waitForRoom(_ job: JobPointer, in scope: ScopePointer) -> Status {
    guard pointee.outputWaiter == nil else { return .wrongState }
    pointee.outputWaiter = job
    let status = job.suspend(for: .write, in: scope, timeout: pointee.writeTimeout.pointee)
    // Otherwise the exchange has been unlinked meanwhile, and the record may serve another exchange or client.
    guard pointee.outputWaiter == job else { return .cancelled }
    pointee.outputWaiter = nil
    return status
  }

  /// One system call for what is pending and `body`: how many bytes of `body` it took; nil if nothing can be sent.
  private func sendOnce(_ body: UnsafeRawBufferPointer) -> Int? {
    guard !pointee.readiness.contains(.writeFailed) else { return nil }
    let pending = pendingOutput
    let count = write(pending: pending, body)
    guard count == pending + body.count else { return noteShort(count, pending: pending) }
    releaseOutput()
    return body.count
  }

  private func write(pending: Int, _ body: UnsafeRawBufferPointer) -> Int {
    if body.isEmpty { return clinux_send(pointee.descriptor, pointee.output!.bytes + pointee.outputStart, pending) }
    if pending == 0 { return clinux_send(pointee.descriptor, body.baseAddress!, body.count) }
    let head = iovec(iov_base: pointee.output!.bytes + pointee.outputStart, iov_len: pending)
    let tail = iovec(iov_base: UnsafeMutableRawPointer(mutating: body.baseAddress), iov_len: body.count)
    return withUnsafePointer(to: (head, tail)) { parts in
      clinux_write_parts(pointee.descriptor, parts, 2)
    }
  }

  /// Notes that a call took only `count` bytes, or failed with an error's number, negated. Returns how many bytes it
  /// took beyond the pending ones; nil if nothing can be sent any more.
  private func noteShort(_ count: Int, pending: Int) -> Int? {
    guard count >= 0 else {
      if count == -Int(EAGAIN) { pointee.readiness.remove(.writable) }
      if count != -Int(EAGAIN), count != -Int(EINTR) { pointee.readiness.insert(.writeFailed) }
      return pointee.readiness.contains(.writeFailed) ? nil : 0
    }
    pointee.readiness.remove(.writable)
    guard count >= pending else {
      pointee.outputStart += count
      return 0
    }
    releaseOutput()
    return count - pending
  }

  /// Returns the output buffer with its bytes.
  @inline(__always)
  func releaseOutput() {
    pointee.outputStart = 0
    pointee.outputEnd = 0
    pointee.output?.release(to: pointee.buffers)
    pointee.output = nil
  }
}
