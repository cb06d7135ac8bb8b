internal import AmbitCore
internal import AmbitRuntime
internal import CLinux
internal import Glibc

extension UnsafeMutablePointer<Connection> {
  /// Where the next `count` bytes to be sent are to be written; `didWrite` makes them count.
  @inline(__always)
  func reserve(_ count: Int) -> UnsafeMutableRawPointer {
    if pointee.output == nil || pointee.output!.pointee.capacity - pointee.outputEnd < count { growOutput(by: count) }
    return pointee.output!.bytes + pointee.outputEnd
  }

  @inline(__always)
  func didWrite(_ count: Int) { pointee.outputEnd += count }

  /// Copies bytes behind those to be sent.
  func append(_ bytes: UnsafeRawBufferPointer) {
    guard let source = bytes.baseAddress else { return }
    memcpy(reserve(bytes.count), source, bytes.count)
    didWrite(bytes.count)
  }

  private func growOutput(by count: Int) {
    flushWithoutWaiting()
    let pending = pointee.outputEnd - pointee.outputStart
    let new = buffers.pointee.make(capacity: max(pending + count, pending * 2))
    if let old = pointee.output {
      memcpy(new.bytes, old.bytes + pointee.outputStart, pending)
      old.release(to: buffers)
    }
    pointee.output = new
    pointee.outputStart = 0
    pointee.outputEnd = pending
  }

  /// Sends what the kernel takes now.
  func flushWithoutWaiting() {
    guard pointee.outputStart < pointee.outputEnd, pointee.flags.contains(.writable) else { return }
    _ = sendOnce(UnsafeRawBufferPointer(start: nil, count: 0))
  }

  /// Sends all that is to be sent, waiting as the connection's own job where the client is slow; false if it cannot be.
  @inline(__always)
  func flush() -> Bool {
    guard pointee.outputStart < pointee.outputEnd else { return true }
    return send(UnsafeRawBufferPointer(start: nil, count: 0), job: job, scope: job.pointee.scope) == .ok
  }

  /// Sends all that is to be sent and `body` behind it, without copying it, waiting as `job` where the client is slow.
  ///
  /// `.closed` if the client has gone; if the wait was cancelled, part may have been sent.
  func send(_ body: UnsafeRawBufferPointer, job: JobPointer, scope: ScopePointer) -> Status {
    var rest = body
    while true {
      guard let sent = sendOnce(rest) else { return .closed }
      rest = UnsafeRawBufferPointer(rebasing: rest[sent...])
      if rest.isEmpty, pointee.outputStart == pointee.outputEnd { return .ok }
      if pointee.flags.contains(.writable) { continue }
      let status = waitForRoom(job, in: scope)
      guard status == .ok else { return status == .timedOut ? .closed : status }
    }
  }

  private func waitForRoom(_ job: JobPointer, in scope: ScopePointer) -> Status {
    guard pointee.outputWaiter == nil else { return .wrongState }
    pointee.outputWaiter = job
    let timeout = pointee.server.pointee.limits.idleTimeout
    let status = job.suspend(for: .room, in: scope, timeout: timeout)
    // Else the request has been detached meanwhile: the record may serve another one, or another client.
    guard pointee.outputWaiter == job else { return .cancelled }
    pointee.outputWaiter = nil
    return status
  }

  /// One system call for what is pending and `body`: how many bytes of `body` it took; nil if nothing can be sent.
  private func sendOnce(_ body: UnsafeRawBufferPointer) -> Int? {
    guard !pointee.flags.contains(.broken) else { return nil }
    let pending = pointee.outputEnd - pointee.outputStart
    let count = write(pending: pending, body)
    guard count >= 0 else {
      if errno == EAGAIN { pointee.flags.remove(.writable) } else if errno != EINTR { pointee.flags.insert(.broken) }
      return pointee.flags.contains(.broken) ? nil : 0
    }
    if count < pending + body.count { pointee.flags.remove(.writable) }
    guard count >= pending else {
      pointee.outputStart += count
      return 0
    }
    releaseOutput()
    return count - pending
  }

  @inline(__always)
  private func write(pending: Int, _ body: UnsafeRawBufferPointer) -> Int {
    if body.isEmpty { return clinux_write(pointee.descriptor, pointee.output!.bytes + pointee.outputStart, pending) }
    if pending == 0 { return clinux_write(pointee.descriptor, body.baseAddress!, body.count) }
    let head = iovec(iov_base: pointee.output!.bytes + pointee.outputStart, iov_len: pending)
    let tail = iovec(iov_base: UnsafeMutableRawPointer(mutating: body.baseAddress), iov_len: body.count)
    return withUnsafePointer(to: (head, tail)) { parts in
      clinux_write_parts(pointee.descriptor, parts, 2)
    }
  }

  /// Gives the output buffer back, with what is in it.
  func releaseOutput() {
    pointee.outputStart = 0
    pointee.outputEnd = 0
    pointee.output?.release(to: buffers)
    pointee.output = nil
  }
}
