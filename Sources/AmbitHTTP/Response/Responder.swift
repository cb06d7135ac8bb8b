internal import AmbitCore
internal import AmbitRuntime

/// Writes responses: the head, then the body with it or behind it.
enum Responder {
  /// Bodies up to this size are copied behind their head, to be sent in one piece with it and with what else is pending;
  /// larger ones are sent from where they are.
  static var largestCopy: Int { 8192 }

  /// A whole response. A large body may wait for the client, as `job`; without one the body must be small.
  @inline(__always)
  static func respond(
    to request: RequestPointer, status: Int, contentType: UnsafeRawBufferPointer?, body: UnsafeRawBufferPointer,
    job: JobPointer? = nil, scope: ScopePointer? = nil
  ) -> Status {
    guard let connection = request.pointee.connection else { return .cancelled }
    guard request.pointee.response.phase == .unbegun else { return .wrongState }
    if !request.bodyIsHere(on: connection) { connection.pointee.flags.insert(.closing) }
    let isCopied = body.count <= largestCopy
    ResponseHead.write(
      request, connection, status: status, contentType: contentType, length: Int64(body.count),
      body: isCopied ? body : UnsafeRawBufferPointer(start: nil, count: 0))
    if isCopied || request.pointee.response.isBodyless {
      complete(request, connection)
      return .ok
    }
    request.pointee.response.phase = .streaming
    let sent = connection.send(body, job: job!, scope: scope!)
    guard sent == .ok else { return cutShort(request, sent) }
    complete(request, connection)
    return .ok
  }

  /// A whole response without a body.
  static func respondEmpty(to request: RequestPointer, status: Int) {
    _ = respond(
      to: request, status: status, contentType: nil, body: UnsafeRawBufferPointer(start: nil, count: 0))
  }

  /// The head of a response whose body follows; `length` nil if only its end will tell.
  static func begin(_ request: RequestPointer, status: Int, length: Int64?) -> Status {
    guard let connection = request.pointee.connection else { return .cancelled }
    guard request.pointee.response.phase == .unbegun else { return .wrongState }
    request.sendContinue(on: connection)
    ResponseHead.write(request, connection, status: status, contentType: nil, length: length)
    request.pointee.response.phase = .streaming
    request.pointee.response.remaining = request.pointee.response.isBodyless ? nil : length
    return .ok
  }

  /// More of the body, sent at once; waits as `job` while the client is slow. `.wrongState` while another job does that.
  static func write(
    _ bytes: UnsafeRawBufferPointer, to request: RequestPointer, job: JobPointer, scope: ScopePointer
  ) -> Status {
    guard request.pointee.response.phase == .streaming else { return .wrongState }
    guard let connection = request.pointee.connection, !request.pointee.response.isCutShort else {
      return request.statusWithoutClient
    }
    guard connection.pointee.outputWaiter == nil else { return .wrongState }
    if let remaining = request.pointee.response.remaining {
      guard bytes.count <= remaining else { return .invalid }
      request.pointee.response.remaining = remaining - Int64(bytes.count)
    }
    if bytes.isEmpty || request.pointee.response.isBodyless { return .ok }
    let isChunked = request.pointee.response.isChunked
    if isChunked {
      var writer = ByteWriter(connection.reserve(18))
      writer.write(hexadecimal: bytes.count)
      writer.write("\r\n")
      connection.didWrite(writer.count)
    }
    let status: Status
    if isChunked, bytes.count <= largestCopy {
      connection.append(bytes)
      connection.append(.literal("\r\n"))
      status = connection.send(.literal(""), job: job, scope: scope)
    } else {
      status = connection.send(bytes, job: job, scope: scope)
      if isChunked, status == .ok { connection.append(.literal("\r\n")) }
    }
    return status == .ok ? .ok : cutShort(request, status)
  }

  /// Part of the body could not be sent: the client sees that by the end of the connection.
  private static func cutShort(_ request: RequestPointer, _ status: Status) -> Status {
    request.pointee.response.isCutShort = true
    request.pointee.connection?.pointee.flags.insert(.closing)
    guard status == .closed else { return status }
    request.clientLeft()
    return request.statusWithoutClient
  }

  /// The end of the body; `.invalid` if it is shorter than its head announced, `.wrongState` while a job writes.
  static func end(_ request: RequestPointer) -> Status {
    guard request.pointee.response.phase == .streaming else { return .wrongState }
    guard let connection = request.pointee.connection, !request.pointee.response.isCutShort,
      !connection.pointee.flags.contains(.broken)
    else { return request.statusWithoutClient }
    guard connection.pointee.outputWaiter == nil else { return .wrongState }
    if let remaining = request.pointee.response.remaining, remaining > 0 {
      request.fault("ended the response \(remaining) bytes short of the length it announced")
      connection.pointee.flags.insert(.closing)
      complete(request, connection)
      return .invalid
    }
    if request.pointee.response.isChunked, !request.pointee.response.isBodyless {
      connection.append(.literal("0\r\n\r\n"))
    }
    complete(request, connection)
    return .ok
  }

  /// Nothing more is written to the response; who waits for that is told.
  @inline(__always)
  private static func complete(_ request: RequestPointer, _ connection: ConnectionPointer) {
    request.pointee.response.phase = .complete
    if request.pointee.response.isAwaited { connection.job.wake(.ok) }
    // A job other than the connection's may have to wait for its next turn: what it completed goes out now.
    if connection.loop.pointee.current != connection.job { connection.flushWithoutWaiting() }
  }
}
