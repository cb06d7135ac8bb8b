internal import AmbitCore
internal import AmbitRuntime

/// What a connection's fiber runs.
let serveLoop: JobBody = { ConnectionPointer.of(job: $0).serve() }

/// The fiber is gone: the connection waits for its client, lingers, or is closed.
let serveLoopEnded: JobBody = { job in
  let connection = ConnectionPointer.of(job: job)
  switch connection.pointee.phase {
  case .active: connection.becomeIdle()
  case .idle, .lingeringClose, .closed: break
  }
}

/// A job of the connection is about to wait: what it has written goes out, and a client that has left is noticed, since
/// no further event will tell of it.
let flushBeforeSuspend: JobBody = { job in
  let connection = ConnectionPointer.of(job: job)
  if connection.pointee.outputWaiter == nil { connection.flushWithoutWaiting() }
  if connection.pointee.flags.contains(.peerGone) { connection.pointee.exchange?.clientLeft() }
}

extension UnsafeMutablePointer<Connection> {
  /// Responses that wait to go out together have at most so many bytes; more is one response's.
  private static var largestBatch: Int { 65536 }
  /// So often a burst reads before others have a turn: a client that never stops sending gets no more than its share.
  private static var readsPerTurn: Int { 4 }

  /// Serves requests, one after the other, until there is nothing more to read. Responses to requests that came
  /// together go out together.
  fileprivate func serve() {
    var reads = 0
    while true {
      switch readHead() {
      case .complete:
        serveExchange()
        if pointee.flags.contains(.closeAfterResponse) { return finish() }
        guard pointee.outputEnd - pointee.outputStart < Self.largestBatch || flush() else { return close() }
      case .rejected(let error):
        let exchange = pointee.exchange!
        ErrorResponse.send(on: exchange, status: Int(error.status), text: error.text, closing: true)
        dropExchange()
        pointee.flags.remove(.peerSentClose)
        return finish()
      case .incomplete:
        guard flush() else { return close() }
        guard pointee.flags.contains(.readable) else { return }
        reads += 1
        if reads % Self.readsPerTurn == 0 { letOthersRun() }
        guard fill() else { return close() }
      }
    }
  }

  /// Waits for the timers of another turn: a job that only yields may run again in this one, before any event is seen.
  func letOthersRun() {
    _ = job.suspend(for: .turn, in: job.pointee.scope, timeout: 0)
  }

  /// Reads a head out of the bytes at hand.
  @inline(__always)
  private func readHead() -> HeadResult {
    guard pointee.inputStart < pointee.inputEnd, let input = pointee.input else { return .incomplete }
    if pointee.exchange == nil {
      pointee.exchange = pointee.server.takeExchange(for: self)
      setPhaseDue(after: pointee.server.pointee.limits.headTimeout)
    }
    let bytes = UnsafeRawBufferPointer(
      start: input.bytes + pointee.inputStart, count: pointee.inputEnd - pointee.inputStart)
    return pointee.exchange!.readHead(bytes)
  }

  /// Dispatches the request whose head is complete, and sees it through to its response.
  @inline(__always)
  private func serveExchange() {
    let exchange = pointee.exchange!
    exchange.pointee.input = pointee.input
    pointee.input!.retain()
    exchange.pointee.headStart = pointee.inputStart
    pointee.inputStart += exchange.pointee.head.length
    phaseHasNoEnd()
    exchange.dispatch()
  }

  /// Lets go of a request whose response is out, or never will be. Jobs of it that still wait for the client wait no
  /// longer: what the client does from now on is another request's affair.
  func detach(_ exchange: ExchangePointer) {
    pointee.exchange = nil
    exchange.pointee.connection = nil
    pointee.inputWaiter?.wake(.cancelled)
    pointee.inputWaiter = nil
    pointee.outputWaiter?.wake(.cancelled)
    pointee.outputWaiter = nil
  }

  /// Gives back a request that no handler has seen.
  func dropExchange() {
    guard let exchange = pointee.exchange else { return }
    pointee.exchange = nil
    pointee.server.recycle(exchange)
  }

  /// Sends what is left and ends the connection, so that the client gets to read the last response.
  private func finish() {
    guard flush(), pointee.flags.isDisjoint(with: [.writeFailed, .readEOF]) else { return leave() }
    if hasReadAll { close() } else { linger() }
  }

  /// Whether the client has sent all that it will: what it does not send cannot reset the connection that is closed.
  private var hasReadAll: Bool {
    pointee.flags.contains(.peerSentClose) && !pointee.flags.contains(.readable) && pointee.inputStart == pointee.inputEnd
  }

  /// Waits without a stack for the client's next bytes.
  fileprivate func becomeIdle() {
    pointee.phase = .idle
    if pointee.exchange == nil {
      releaseInput()
      if pointee.server.pointee.isDraining { return close() }
      setPhaseDue(after: pointee.server.pointee.limits.idleTimeout)
    }
    armTimer()
  }
}
