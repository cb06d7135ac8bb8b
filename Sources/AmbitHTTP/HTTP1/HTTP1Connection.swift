internal import AmbitCore
internal import AmbitRuntime

/// The HTTP/1 state of a connection.
struct HTTP1State {
  /// The exchange whose head is being read or whose handler is at work.
  var exchange: ExchangePointer?
  /// The connection ends with the response that is being sent.
  var closeAfterResponse = false
  /// The client has said that this request is its last (RFC 9112, section 9.6), and all of the request has been read.
  var peerSentClose = false
}

/// The HTTP/1 state of an exchange. It is in the exchange's record, so that idle connections stay small.
struct HTTP1Message {
  var parser: HeadParser
  /// How far the request's body has been read.
  var body = BodyReader()
  /// The response's body is sent in chunks.
  var isChunked = false
}

/// HTTP/1 on a connection: reads requests one after the other, carries their exchanges, and keeps or ends the
/// connection.
///
/// All of it runs on the connection's loop; the handler runs in place, as the connection's job.
struct HTTP1Connection {
  let connection: ConnectionPointer
}

extension HTTP1Connection {
  /// The most bytes of responses that wait to go out together. Only the response to one request may be larger.
  private static var largestBatch: Int { 65536 }
  /// The most reads in a row, so that a client that never stops sending gets no more than its share.
  private static var readsPerTurn: Int { 4 }

  @inline(__always) var job: JobPointer { connection.job }
  @inline(__always) var transport: TransportPointer { connection.transport }

  /// Serves requests, one after the other, until there is nothing more to read. Responses to requests that came
  /// together go out together. The connection's job runs it.
  func serve() {
    var reads = 0
    while true {
      switch readHead() {
      case .complete:
        serveExchange()
        if connection.pointee.http1.closeAfterResponse { return endConnection() }
        guard transport.pendingOutput < Self.largestBatch || transport.flush(as: job) else {
          return connection.close()
        }
      case .rejected(let error):
        reject(error)
        return endConnection()
      case .incomplete:
        guard transport.flush(as: job) else { return connection.close() }
        guard connection.pointee.transport.readiness.contains(.readable) else { return }
        reads += 1
        if reads % Self.readsPerTurn == 0 { job.letOthersRun() }
        guard transport.fill() else { return connection.close() }
      }
    }
  }

  /// Reads a head from the bytes at hand.
  @inline(__always)
  private func readHead() -> HeadResult {
    guard transport.hasInput else { return .incomplete }
    if connection.pointee.http1.exchange == nil {
      connection.pointee.http1.exchange = connection.pointee.server.takeExchange(for: connection)
      connection.setPhaseDue(after: connection.pointee.options.pointee.limits.headTimeout)
    }
    return connection.pointee.http1.exchange!.readHead(transport.available)
  }

  /// Dispatches the exchange whose head is complete, and completes its response.
  @inline(__always)
  private func serveExchange() {
    let exchange = connection.pointee.http1.exchange!
    exchange.pointee.input = connection.pointee.transport.input
    connection.pointee.transport.input!.retain()
    exchange.pointee.headStart = connection.pointee.transport.inputStart
    connection.pointee.transport.inputStart += exchange.pointee.http1.parser.http1.length
    if exchange.pointee.head.body != .none { exchange.pointee.http1.body.begin(exchange.pointee.head.body) }
    connection.phaseHasNoEnd()
    exchange.dispatch()
  }

  /// Answers a request whose head is malformed. Nobody knows where the next one begins.
  @inline(never)
  private func reject(_ error: HTTPParseError) {
    let exchange = connection.pointee.http1.exchange!
    let reason = exchange.pointee.http1.parser.reason(of: error, in: transport.available.bytes)
    ErrorResponse.send(on: exchange, status: Int(error.status), text: reason, abort: .requestUnreadable)
    discardExchange()
    connection.pointee.http1.peerSentClose = false
  }

  /// Answers a client that takes too long for a head; the connection waits for it without a stack.
  func headTimedOut() {
    guard let exchange = connection.pointee.http1.exchange else { return connection.close() }
    ErrorResponse.send(
      on: exchange, status: 408, text: "the request head did not arrive in time", abort: .requestUnreadable)
    transport.flushWithoutWaiting()
    connection.linger()
  }

  /// Sends the rest of the last response and ends the connection, so that the client gets to read that response.
  private func endConnection() {
    guard transport.flush(as: job), !transport.hasEnded else { return connection.leave() }
    if hasReadAll { connection.close() } else { connection.linger() }
  }

  /// Whether the client sends nothing more. Then no unread byte can reset the connection when it is closed.
  private var hasReadAll: Bool {
    connection.pointee.http1.peerSentClose && !connection.pointee.transport.readiness.contains(.readable)
      && !transport.hasInput
  }

  /// Unlinks an exchange from the connection, which goes on to the next. No other place does so. Ends the waits of the
  /// exchange's jobs for the client, because the next bytes belong to another exchange.
  @inline(__always)
  func unlink(_ exchange: ExchangePointer) {
    connection.pointee.http1.exchange = nil
    exchange.pointee.carrier = nil
    transport.cancelWaits()
    exchange.pointee.server.pointee.counters.add(exchange.pointee.record)
  }

  /// Gives back the record of an exchange that no handler has seen.
  func discardExchange() {
    guard let exchange = connection.pointee.http1.exchange else { return }
    unlink(exchange)
    connection.pointee.server.recycle(exchange)
  }

  /// Ends the connection after the pending bytes, because it cannot carry another exchange.
  @inline(__always)
  func abort(_ reason: AbortReason) { connection.pointee.http1.closeAfterResponse = true }

  /// The exchange is over. Sends its response if jobs go on in its scope, skips the rest of the request's body, and
  /// leaves the connection to the next exchange.
  /// - Parameter flushing: the response may not wait to go out with those of the next requests.
  /// - Returns: false if the response could not be sent.
  @inline(__always)
  func finish(_ exchange: ExchangePointer, flushing: Bool) -> Bool {
    var isSent = true
    if flushing, connection.pointee.transport.outputWaiter == nil, !transport.flush(as: job) {
      connection.pointee.http1.closeAfterResponse = true
      isSent = false
    }
    if !exchange.pointee.http1.body.isAtEnd { skipBody(of: exchange) }
    unlink(exchange)
    return isSent
  }
}
