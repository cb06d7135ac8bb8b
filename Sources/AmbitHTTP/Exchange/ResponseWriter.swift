internal import AmbitCore
internal import AmbitRuntime

/// Writes responses: the head, then the body with it or behind it.
enum ResponseWriter {
  /// Bodies up to this size are copied behind their head, to be sent in one piece with it and with what else is pending;
  /// larger ones are sent from where they are.
  static var largestCopy: Int { 8192 }

  /// A whole response. A large body may wait for the client, as `job`; without one the body must be small.
  @inline(__always)
  static func respond(
    to exchange: ExchangePointer, status: Int, contentType: UnsafeRawBufferPointer?, body: UnsafeRawBufferPointer,
    job: JobPointer? = nil, scope: ScopePointer? = nil
  ) -> Status {
    guard let connection = exchange.pointee.connection else { return .cancelled }
    guard exchange.pointee.response.phase == .unbegun else { return .wrongState }
    if !exchange.bodyIsHere(on: connection) { connection.pointee.flags.insert(.closeAfterResponse) }
    let isCopied = body.count <= largestCopy
    ResponseHead.write(
      exchange, connection, status: status, contentType: contentType, length: Int64(body.count),
      body: isCopied ? body : UnsafeRawBufferPointer(start: nil, count: 0))
    if isCopied || exchange.pointee.response.isBodyless {
      complete(exchange, connection)
      return .ok
    }
    exchange.pointee.response.phase = .streaming
    let sent = connection.send(body, job: job!, scope: scope!)
    guard sent == .ok else { return cutShort(exchange, sent) }
    complete(exchange, connection)
    return .ok
  }

  /// A whole response without a body.
  static func respondEmpty(to exchange: ExchangePointer, status: Int) {
    _ = respond(
      to: exchange, status: status, contentType: nil, body: UnsafeRawBufferPointer(start: nil, count: 0))
  }

  /// The head of a response whose body follows; `length` nil if only its end will tell.
  static func begin(_ exchange: ExchangePointer, status: Int, length: Int64?) -> Status {
    guard let connection = exchange.pointee.connection else { return .cancelled }
    guard exchange.pointee.response.phase == .unbegun else { return .wrongState }
    exchange.sendContinue(on: connection)
    ResponseHead.write(exchange, connection, status: status, contentType: nil, length: length)
    exchange.pointee.response.phase = .streaming
    exchange.pointee.response.remaining = exchange.pointee.response.isBodyless ? nil : length
    return .ok
  }

  /// More of the body, sent at once; waits as `job` while the client is slow. `.wrongState` while another job does that.
  static func write(
    _ bytes: UnsafeRawBufferPointer, to exchange: ExchangePointer, job: JobPointer, scope: ScopePointer
  ) -> Status {
    guard exchange.pointee.response.phase == .streaming else { return .wrongState }
    guard let connection = exchange.pointee.connection, !exchange.pointee.response.isCutShort else {
      return exchange.statusWithoutClient
    }
    guard connection.pointee.outputWaiter == nil else { return .wrongState }
    if let remaining = exchange.pointee.response.remaining {
      guard bytes.count <= remaining else { return .invalid }
      exchange.pointee.response.remaining = remaining - Int64(bytes.count)
    }
    if bytes.isEmpty || exchange.pointee.response.isBodyless { return .ok }
    let isChunked = exchange.pointee.response.isChunked
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
    return status == .ok ? .ok : cutShort(exchange, status)
  }

  /// Part of the body could not be sent: the client sees that by the end of the connection.
  private static func cutShort(_ exchange: ExchangePointer, _ status: Status) -> Status {
    exchange.pointee.response.isCutShort = true
    exchange.pointee.connection?.pointee.flags.insert(.closeAfterResponse)
    guard status == .closed else { return status }
    exchange.clientLeft()
    return exchange.statusWithoutClient
  }

  /// The end of the body; `.invalid` if it is shorter than its head announced, `.wrongState` while a job writes.
  static func end(_ exchange: ExchangePointer) -> Status {
    guard exchange.pointee.response.phase == .streaming else { return .wrongState }
    guard let connection = exchange.pointee.connection, !exchange.pointee.response.isCutShort,
      !connection.pointee.flags.contains(.writeFailed)
    else { return exchange.statusWithoutClient }
    guard connection.pointee.outputWaiter == nil else { return .wrongState }
    if let remaining = exchange.pointee.response.remaining, remaining > 0 {
      exchange.fault("ended the response \(remaining) bytes short of the length it announced")
      connection.pointee.flags.insert(.closeAfterResponse)
      complete(exchange, connection)
      return .invalid
    }
    if exchange.pointee.response.isChunked, !exchange.pointee.response.isBodyless {
      connection.append(.literal("0\r\n\r\n"))
    }
    complete(exchange, connection)
    return .ok
  }

  /// Nothing more is written to the response; who waits for that is told.
  @inline(__always)
  private static func complete(_ exchange: ExchangePointer, _ connection: ConnectionPointer) {
    exchange.pointee.response.phase = .complete
    if exchange.pointee.response.isAwaited { connection.job.wake(.ok) }
    // A job other than the connection's may have to wait for its next turn: what it completed goes out now.
    if connection.loop.pointee.current != connection.job { connection.flushWithoutWaiting() }
  }
}
