internal import AmbitCore
internal import AmbitRuntime
internal import CLinux
internal import Glibc

extension UnsafeMutablePointer<Transport> {
  /// The bytes received and not used yet.
  @inline(__always)
  var available: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(
      start: pointee.input.map { UnsafeRawPointer($0.bytes + pointee.inputStart) },
      count: pointee.inputEnd - pointee.inputStart)
  }

  /// Reads once, without waiting, behind the bytes at hand; false if the client has closed its side or is gone.
  @inline(__always)
  func fill() -> Bool {
    let input = inputWithRoom()
    let room = input.pointee.capacity &- pointee.inputEnd
    guard let count = receive(into: input.bytes + pointee.inputEnd, capacity: room) else { return false }
    pointee.inputEnd &+= count
    return true
  }

  /// Reads once, without waiting: the number of bytes, 0 if there are none now; nil at the end of the stream or on an
  /// error.
  @inline(__always)
  func receive(into memory: UnsafeMutableRawPointer, capacity: Int) -> Int? {
    while true {
      let count = clinux_receive(pointee.descriptor, memory, capacity)
      if count > 0 {
        // Less than there was room for: the socket is empty, and the next bytes bring a new event; see epoll(7). An end
        // that came with these bytes brings none.
        if count < capacity, !pointee.readiness.contains(.readEOF) { pointee.readiness.remove(.readable) }
        return count
      }
      if count == -Int(EINTR) { continue }
      guard count == -Int(EAGAIN) else { return nil }
      pointee.readiness.remove(.readable)
      return 0
    }
  }

  /// The input buffer, with room behind the bytes at hand. A connection without bytes has no buffer.
  @inline(__always)
  private func inputWithRoom() -> BufferPointer {
    if let input = pointee.input { return makeRoom(in: input) }
    let input = pointee.buffers.pointee.make()
    pointee.input = input
    pointee.inputStart = 0
    pointee.inputEnd = 0
    return input
  }

  @inline(never)
  private func makeRoom(in old: BufferPointer) -> BufferPointer {
    let count = pointee.inputEnd - pointee.inputStart
    var input = old
    if old.isUnshared, count == 0 || pointee.inputStart > 0 && pointee.inputEnd == old.pointee.capacity {
      memmove(old.bytes, old.bytes + pointee.inputStart, count)
    } else if pointee.inputEnd == old.pointee.capacity {
      let wanted = pointee.inputStart == 0 ? count * 2 : max(count * 2, Buffer.standardCapacity)
      input = pointee.buffers.pointee.make(capacity: wanted)
      memcpy(input.bytes, old.bytes + pointee.inputStart, count)
      old.release(to: pointee.buffers)
      pointee.input = input
    } else {
      return old
    }
    pointee.inputStart = 0
    pointee.inputEnd = count
    return input
  }

  /// Returns the input buffer with its bytes.
  func dropInput() {
    pointee.inputStart = 0
    pointee.inputEnd = 0
    releaseInput()
  }

  /// Returns the input buffer if no byte in it is needed.
  @inline(__always)
  func releaseInput() {
    guard let input = pointee.input, pointee.inputStart == pointee.inputEnd else { return }
    input.release(to: pointee.buffers)
    pointee.input = nil
    pointee.inputStart = 0
    pointee.inputEnd = 0
  }

  /// Suspends `job` until the client has sent something or left.
  func waitForInput(_ job: JobPointer, in scope: ScopePointer) -> Status {
    guard pointee.inputWaiter == nil else { return .wrongState }
    pointee.inputWaiter = job
    let status = job.suspend(for: .body, in: scope)
    // Otherwise the exchange has been unlinked meanwhile, and the record may serve another exchange or client.
    guard pointee.inputWaiter == job else { return .cancelled }
    pointee.inputWaiter = nil
    return status
  }
}
