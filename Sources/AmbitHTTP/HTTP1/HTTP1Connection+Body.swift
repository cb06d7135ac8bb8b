internal import AmbitCore
internal import AmbitRuntime
internal import Glibc

// The body of a request, as HTTP/1 carries it: behind its head, with its length known or in chunks.

extension HTTP1Connection {
  /// Reads bytes of the body, waiting as `job` until some have arrived. Returns their number, a negative status, or 0
  /// if the caller has to look at the state of the body again.
  func readBody(
    of exchange: ExchangePointer, into memory: UnsafeMutableRawBufferPointer, job: JobPointer, scope: ScopePointer
  ) -> Int64 {
    guard !isAwaited(byOtherThan: job) else { return Int64(Status.wrongState.rawValue) }
    let count = takeBody(of: exchange, into: memory)
    if count > 0 || exchange.pointee.body.state != .reading { return Int64(count) }
    sendContinue(for: exchange)
    transport.flushWithoutWaiting()
    guard !connection.pointee.transport.readiness.contains(.readable) else { return 0 }
    let status = transport.waitForInput(job, in: scope)
    return status == .ok ? 0 : Int64(status.rawValue)
  }

  /// Whether another job waits for the body. Bytes that have arrived since belong to that job, even before it runs: a
  /// second reader would take the rest for the whole.
  func isAwaited(byOtherThan job: JobPointer) -> Bool {
    guard let waiter = connection.pointee.transport.inputWaiter else { return false }
    return waiter != job
  }

  /// Takes bytes of the body that are in the buffer, or that the kernel has; 0 if there are none now.
  private func takeBody(of exchange: ExchangePointer, into memory: UnsafeMutableRawBufferPointer) -> Int {
    if transport.hasInput { return takeBufferedBody(of: exchange, into: memory) }
    guard connection.pointee.transport.readiness.contains(.readable) else { return 0 }
    guard let remaining = exchange.pointee.http1.body.remaining else {
      // The chunked coding has to be decoded, so the bytes go through the buffer.
      if !transport.fill() { bodyBroken(of: exchange) }
      return transport.hasInput ? takeBufferedBody(of: exchange, into: memory) : 0
    }
    let capacity = Int(min(Int64(memory.count), remaining))
    guard let count = transport.receive(into: memory.baseAddress!, capacity: capacity) else {
      bodyBroken(of: exchange)
      return 0
    }
    exchange.pointee.http1.body.take(count)
    self.count(count, of: exchange)
    return count
  }

  /// Takes the next bytes of the body out of the buffer, past the framing that is in front of them.
  private func takeBufferedBody(of exchange: ExchangePointer, into memory: UnsafeMutableRawBufferPointer) -> Int {
    while transport.hasInput {
      let window = UnsafeRawBufferPointer(rebasing: transport.available.prefix(memory.count))
      let (consumed, event) = exchange.pointee.http1.body.next(window.bytes)
      connection.pointee.transport.inputStart += consumed
      switch event {
      case .data(let count):
        guard accepts(count, of: exchange) else {
          exchange.pointee.body.state.apply(.limitExceeded)
          return 0
        }
        memcpy(memory.baseAddress!, window.baseAddress! + consumed - count, count)
        self.count(count, of: exchange)
        return count
      case .incomplete: continue
      case .end: exchange.pointee.body.state.apply(.ended)
      case .rejected: exchange.pointee.body.state.apply(.broken)
      }
      return 0
    }
    return 0
  }

  /// Whether so many more bytes are within the limit. A head that announces too many has been refused already.
  private func accepts(_ count: Int, of exchange: ExchangePointer) -> Bool {
    exchange.pointee.http1.body.remaining != nil
      || exchange.pointee.body.received + Int64(count) <= exchange.pointee.body.limit
  }

  private func count(_ count: Int, of exchange: ExchangePointer) {
    exchange.pointee.body.received += Int64(count)
    if exchange.pointee.http1.body.isAtEnd { exchange.pointee.body.change(.ended) }
  }

  /// Sends `100 Continue` if the client waits for it (RFC 9110, section 10.1.1). Only before the head of the response:
  /// afterwards the client would take it for a part of the body.
  func sendContinue(for exchange: ExchangePointer) {
    guard exchange.pointee.body.isContinueDue else { return }
    exchange.pointee.body.isContinueDue = false
    transport.append(.literal("HTTP/1.1 100 Continue\r\n\r\n"))
  }

  /// The client stopped in the middle of the body.
  private func bodyBroken(of exchange: ExchangePointer) {
    connection.pointee.transport.readiness.insert(.peerGone)
    exchange.pointee.body.state.apply(.broken)
    exchange.abort(.clientLeft)
    exchange.clientHasLeft()
  }

  /// The body in place, after the head in the input buffer; nil if it has no length or has not arrived completely.
  func takeBodyInPlace(of exchange: ExchangePointer) -> UnsafeRawBufferPointer? {
    let isAtEnd = exchange.pointee.http1.body.isAtEnd
    guard let remaining = isAtEnd ? 0 : exchange.pointee.http1.body.remaining, exchange.pointee.body.received == 0,
      connection.pointee.transport.input == exchange.pointee.input, transport.available.count >= remaining
    else { return nil }
    let count = Int(remaining)
    let body = UnsafeRawBufferPointer(rebasing: transport.available[..<count])
    connection.pointee.transport.inputStart += count
    if count > 0 { exchange.pointee.http1.body.take(count) }
    self.count(count, of: exchange)
    return body
  }

  /// Whether the body ends within the bytes at hand. If the response is sent before the body was read, the client can
  /// get another response on the connection only then.
  @inline(__always)
  func hasWholeBody(of exchange: ExchangePointer) -> Bool {
    exchange.pointee.http1.body.isAtEnd || exchange.pointee.http1.body.ends(within: transport.available.bytes)
  }

  /// Skips the rest of the body if it is at hand. Otherwise the connection ends with this response, because nobody
  /// knows when the next request would begin.
  @inline(never)
  func skipBody(of exchange: ExchangePointer) {
    loop: while !exchange.pointee.http1.body.isAtEnd, transport.hasInput {
      let (consumed, event) = exchange.pointee.http1.body.next(transport.available.bytes)
      connection.pointee.transport.inputStart += consumed
      switch event {
      case .data(let count):
        guard accepts(count, of: exchange) else {
          exchange.pointee.body.change(.limitExceeded)
          break loop
        }
        exchange.pointee.body.received += Int64(count)
      case .rejected:
        exchange.pointee.body.change(.broken)
        break loop
      case .incomplete, .end: break
      }
    }
    guard !exchange.pointee.http1.body.isAtEnd else { return exchange.pointee.body.change(.ended) }
    connection.pointee.http1.closeAfterResponse = true
    connection.pointee.http1.peerSentClose = false
  }
}
