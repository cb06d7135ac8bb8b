internal import AmbitCore
internal import AmbitRuntime

/// What carries an exchange: the HTTP/1 connection that it came on. A stream of HTTP/2 will be the second case.
///
/// An exchange asks its carrier for seven things: `sendHead`, `send`, `end`, `readBody` (or `takeBodyInPlace`),
/// `hasWholeBody`, `abort` and `finish`. The carrier tells the exchange when the client has left, by `clientHasLeft`,
/// and wakes the jobs that wait in `readBody` and `send` when bytes have come and when there is room. All on the loop.
enum Carrier {
  case http1(HTTP1Connection)
}

extension Carrier {
  /// Sends the head, together with a small body.
  @inline(__always)
  func sendHead(
    of exchange: ExchangePointer, status: Int, contentType: UnsafeRawBufferPointer?,
    allow: UnsafeRawBufferPointer? = nil, length: Int64?,
    body: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)
  ) {
    switch self {
    case .http1(let connection):
      connection.sendHead(
        of: exchange, status: status, contentType: contentType, allow: allow, length: length, body: body)
    }
  }

  /// Sends a piece of the body; waits as `job` while the client is slow. `.closed` if the client is gone.
  @inline(__always)
  func send(
    _ bytes: UnsafeRawBufferPointer, of exchange: ExchangePointer, job: JobPointer, scope: ScopePointer
  ) -> Status {
    switch self {
    case .http1(let connection): connection.send(bytes, of: exchange, job: job, scope: scope)
    }
  }

  /// Ends the body of a response whose head has been handed over.
  @inline(__always)
  func end(_ exchange: ExchangePointer) {
    switch self {
    case .http1(let connection): connection.end(exchange)
    }
  }

  /// Reads bytes of the request's body, waiting as `job`. Returns their number, a negative status, or 0 if the caller
  /// has to look at the state of the body again.
  func readBody(
    of exchange: ExchangePointer, into memory: UnsafeMutableRawBufferPointer, job: JobPointer, scope: ScopePointer
  ) -> Int64 {
    switch self {
    case .http1(let connection): connection.readBody(of: exchange, into: memory, job: job, scope: scope)
    }
  }

  /// The request's body in place, valid as long as the exchange's head; nil if it has not arrived completely, or is not
  /// contiguous.
  func takeBodyInPlace(of exchange: ExchangePointer) -> UnsafeRawBufferPointer? {
    switch self {
    case .http1(let connection): connection.takeBodyInPlace(of: exchange)
    }
  }

  /// Whether a job other than this one waits for the request's body.
  func isBodyAwaited(byOtherThan job: JobPointer) -> Bool {
    switch self {
    case .http1(let connection): connection.isAwaited(byOtherThan: job)
    }
  }

  /// Whether all of the request's body has arrived, so that the carrier can go on with the next request.
  @inline(__always)
  func hasWholeBody(of exchange: ExchangePointer) -> Bool {
    switch self {
    case .http1(let connection): connection.hasWholeBody(of: exchange)
    }
  }

  /// Aborts the exchange. The end of the connection or stream tells the client that the exchange is not complete, or
  /// that no other request can follow. Pending bytes are still sent.
  @inline(__always)
  func abort(_ reason: AbortReason) {
    switch self {
    case .http1(let connection): connection.abort(reason)
    }
  }

  /// Unlinks the exchange. Its response has been sent, or cannot be sent.
  /// - Returns: false if the response could not be sent.
  @inline(__always)
  func finish(_ exchange: ExchangePointer, flushing: Bool) -> Bool {
    switch self {
    case .http1(let connection): connection.finish(exchange, flushing: flushing)
    }
  }

  /// Sends `100 Continue` if the client waits for it before it sends the request's body.
  @inline(__always)
  func sendContinue(for exchange: ExchangePointer) {
    switch self {
    case .http1(let connection): connection.sendContinue(for: exchange)
    }
  }

  /// Sends the bytes that are pending, as far as the kernel takes them now.
  func flushWithoutWaiting() {
    switch self {
    case .http1(let connection): connection.flushUnlessAwaited()
    }
  }

  /// Whether another job is sending a piece of the body.
  var isSending: Bool {
    switch self {
    case .http1(let connection): connection.isSending
    }
  }

  /// Whether nothing can be sent any more.
  var isBroken: Bool {
    switch self {
    case .http1(let connection): connection.connection.pointee.transport.readiness.contains(.writeFailed)
    }
  }

  /// The client's address.
  var peer: PeerAddress {
    switch self {
    case .http1(let connection): connection.connection.pointee.transport.peer
    }
  }

  /// The connection below.
  var connection: ConnectionPointer {
    switch self {
    case .http1(let connection): connection.connection
    }
  }
}
