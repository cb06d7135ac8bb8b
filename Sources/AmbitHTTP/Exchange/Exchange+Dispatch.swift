internal import AmbitCore
internal import AmbitRuntime
internal import CAmbit
internal import Logging

extension UnsafeMutablePointer<Exchange> {
  /// Finds the request's route, runs its handler, and completes the response. The exchange's job calls it.
  @inline(__always)
  func dispatch() {
    pointee.body.begin(
      pointee.head.body, expectsContinue: pointee.head.expectsContinue, limit: pointee.options.pointee.limits.maxBody)
    if let route = findRoute() ?? findNewRoute() {
      run(route)
    } else {
      _ = pointee.carrier?.finish(self, flushing: false)
      pointee.server.recycle(self)
    }
  }

  /// The new route of a request whose old route led to a plugin that has been replaced. The end of a plugin overtakes
  /// everything that was posted to a loop whose handler computes, so the next request of the handler's connection may
  /// come before the new routes.
  @inline(never)
  private func findNewRoute() -> RoutePointer? {
    guard pointee.awaitsRoutes else { return nil }
    pointee.job.letOthersRun()
    defer { pointee.awaitsRoutes = false }
    return findRoute()
  }

  private func run(_ route: RoutePointer) {
    let scope = scope
    let job = pointee.job
    job.pointee.scope = scope
    scope.pointee.handlerJob = job
    job.handlerBegins(in: scope)
    let code = pointee.policy.runsElsewhere ? runElsewhere(route, as: job) : runInPlace(route, as: job)
    job.handlerReturned(in: scope)
    conclude(code)
    finish()
    job.pointee.loop.pointee.mark = .none
    job.handlerIsDone()
    job.pointee.scope = scope.pointee.loop.pointee.root
    scope.pointee.handlerJob = nil
    scope.endAfterReadyJobs()
    scope.release()
  }

  @inline(__always)
  private func runInPlace(_ route: RoutePointer, as job: JobPointer) -> Int32 {
    switch route.pointee.target {
    case .handler(let handler):
      let code = handler(scope.asHandle)
      ForkedChild.endIfReturned(from: job, in: scope)
      return code
    case .function(let call): return answer(by: call, isBlocking: false, as: job)
    }
  }

  /// Runs the handler or function on a thread, on a stack as large as its route asks for, or as code in Swift.
  @inline(never)
  private func runElsewhere(_ route: RoutePointer, as job: JobPointer) -> Int32 {
    if pointee.policy.isBlocking {
      switch route.pointee.target {
      case .handler(let handler):
        let status = receiveBodyBeforeThread(as: job)
        guard status == .ok else { return answerWithoutBody(status) }
        do throws(PoolError) { return try job.runHandlerOnThread(in: scope) { handler($0) } } catch {
          answerBusy(error)
          return Status.ok.rawValue
        }
      case .function(let call): return answer(by: call, isBlocking: true, as: job)
      }
    }
    guard route.pointee.generation.pointee.usesSwift else { return runOnItsStack(route, as: job) }
    return job.runWithThreadState { runOnItsStack(route, as: job) }
  }

  /// Runs the handler or function on a stack as large as its route asks for.
  private func runOnItsStack(_ route: RoutePointer, as job: JobPointer) -> Int32 {
    let size = Int(pointee.policy.stackSize)
    guard size > pointee.server.pointee.loop.pointee.limits.handlerStackSize else { return runInPlace(route, as: job) }
    return job.runOnLargeStack(of: size) { runInPlace(route, as: job) } ?? answerWithoutStack(of: size)
  }

  /// Receives the body as far as its route has it buffered, so that a slow client holds no thread.
  @inline(__always)
  func receiveBodyBeforeThread(as job: JobPointer) -> Status {
    guard pointee.policy.bodyBuffer > 0, pointee.body.state == .reading else { return .ok }
    return receiveBody(upTo: Int(pointee.policy.bodyBuffer), as: job)
  }

  /// The result in place of the handler's if its body could not be received.
  private func answerWithoutBody(_ status: Status) -> Int32 {
    switch status {
    case .limit where pointee.body.state == .tooLong:
      ErrorResponse.send(on: self, status: 413, text: "the request body is too large", abort: .requestUnreadable)
    case .invalid where pointee.body.state == .malformed:
      ErrorResponse.send(on: self, status: 400, text: "the request body is malformed", abort: .requestUnreadable)
    case .noMemory:
      PluginLog.write(.error, scope, "cannot buffer the request's body: no memory; answered 503")
      ErrorResponse.send(
        on: self, status: 503, text: "there is no memory for the request's body", isReported: true)
    default: return status.rawValue
    }
    return Status.ok.rawValue
  }

  private func answerWithoutStack(of size: Int) -> Int32 {
    PluginLog.write(.error, scope, "cannot run the handler: no memory for a stack of \(size) bytes; answered 503")
    ErrorResponse.send(on: self, status: 503, text: "there is no memory for the handler's stack", isReported: true)
    return Status.ok.rawValue
  }

  /// The route, with the request's scope open; nil if the request has been answered without a handler.
  @inline(__always)
  private func findRoute() -> RoutePointer? {
    let server = pointee.server
    let rawPath = bytes(pointee.head.path)
    guard let index = server.pointee.routeCache.route(pointee.head.method, rawPath.bytes) else {
      return searchRoute(rawPath)
    }
    let member = server.pointee.routes._withUnsafeGuaranteedRef { $0.members[index] }
    return open(member, path: rawPath, isCopied: false) ? pointee.route : nil
  }

  /// The same for a path that was not requested recently.
  @inline(never)
  private func searchRoute(_ rawPath: UnsafeRawBufferPointer) -> RoutePointer? {
    let server = pointee.server
    if rawPath.isEmpty || rawPath[0] != UInt8(ascii: "/"), answersForServer(rawPath) { return nil }
    var buffer = server.pointee.path.mutableBytes
    var segments = server.pointee.segments.mutableSpan
    switch PathNormaliser.normalise(rawPath.bytes, into: &buffer, segments: &segments) {
    case .asSent(let count): return findRoute(path: rawPath, isCopied: false, segments: count)
    case .rewritten(let length, let count):
      let path = UnsafeRawBufferPointer(rebasing: server.pointee.path[..<length])
      return findRoute(path: path, isCopied: true, segments: count)
    case .refused(let refusal):
      ErrorResponse.send(on: self, status: Int(refusal.status), text: refusal.text)
      return nil
    }
  }

  /// Answers a request whose target names no path: `OPTIONS *`, also in its absolute form (RFC 9112, section 3.2.4),
  /// and `CONNECT`, since the host is no proxy. False if the path is the root.
  private func answersForServer(_ rawPath: UnsafeRawBufferPointer) -> Bool {
    switch pointee.head.method {
    case .options: ResponseWriter.respondEmpty(to: self, status: 200)
    case .connect:
      ErrorResponse.send(on: self, status: 501, text: "the method is not implemented", abort: .requestUnreadable)
    default: return false
    }
    return true
  }

  @inline(__always)
  private func findRoute(path: UnsafeRawBufferPointer, isCopied: Bool, segments count: Int) -> RoutePointer? {
    let server = pointee.server
    let segments = UnsafeBufferPointer(rebasing: server.pointee.segments[..<count]).span
    let method = bytes(pointee.head.methodRange).bytes
    return server.pointee.routes._withUnsafeGuaranteedRef { set in
      switch set.table.find(method: method, path: path.bytes, segments: segments) {
      case .route(let index):
        guard open(set.members[index], path: path, isCopied: isCopied) else { return nil }
        if !set.members[index].route.pointee.parameterNames.isEmpty {
          var values = parameterRoom.mutableSpan
          _ = set.table.parameterValues(of: index, in: segments, into: &values)
        } else if !isCopied {
          server.pointee.routeCache.keep(index, for: pointee.head.method, path.bytes)
        }
        return pointee.route
      case .notFound where set.table.knows(method: method):
        ErrorResponse.send(on: self, status: 404, text: "no route matches this path")
      case .methodNotAllowed where set.table.knows(method: method):
        let allowed = set.table.allowedMethods(path: path.bytes, segments: segments).joined(separator: ", ")
        ErrorResponse.send(on: self, status: 405, text: "the path does not support this method", allow: allowed)
      case .notFound, .methodNotAllowed:
        ErrorResponse.send(on: self, status: 501, text: "the method is not implemented")
      }
      return nil
    }
  }

  /// Where the values of the route's parameters go.
  @inline(__always)
  private var parameterRoom: UnsafeMutableBufferPointer<ByteRange> {
    let start = UnsafeMutableRawPointer(pointer(to: \.parameters)!).assumingMemoryBound(to: ByteRange.self)
    return UnsafeMutableBufferPointer(start: start, count: RoutePattern.maximumParameters)
  }

  /// Opens the request's scope below that of its route's plugin; false if the request has been answered instead.
  @inline(__always)
  private func open(_ member: RouteSet.Member, path: UnsafeRawBufferPointer, isCopied: Bool) -> Bool {
    let loop = pointee.server.pointee.loop
    let timeout = member.policy.timeout ?? pointee.options.pointee.limits.requestTimeout
    let route = member.route
    let plugin = route.pointee.generation.pointee.shards[loop.pointee.index]
    guard plugin.pointee.isOpen else {
      if plugin.pointee.cause == .retired, !pointee.awaitsRoutes {
        pointee.awaitsRoutes = true
        return false
      }
      let isStopping = plugin.pointee.cause == .shutdown
      let text: StaticString = isStopping ? "the host is shutting down" : "the plugin of this route has ended"
      ErrorResponse.send(on: self, status: 503, text: text, abort: isStopping ? .hostStopping : nil)
      return false
    }
    guard pointee.body.state != .tooLong else {
      ErrorResponse.send(
        on: self, status: 413, text: "the request body is too large", abort: .requestUnreadable, route: route)
      return false
    }
    // Void without a route. Before the check, which may make a call, the policy is still in registers.
    pointee.policy = member.policy
    guard plugin.pointee.use.requests.take() else { return refuse(beyondLimitOf: route) }
    pointee.route = route
    scope.open(below: plugin, kind: .request, observer: exchangeObserver)
    scope.pointee.context = UnsafeMutableRawPointer(self)
    scope.pointee.mark = route.pointee.mark.of(scope.pointee.id)
    scope.pointee.label = UnsafeBufferPointer(
      start: UnsafeRawPointer(route.pointee.pattern.ptr)!.assumingMemoryBound(to: UInt8.self),
      count: route.pointee.pattern.len)
    if timeout != .max { scope.pointee.deadline = pointee.record.startedAt &+ timeout }
    pointee.path = isCopied ? UnsafeRawBufferPointer(scope.copy(path)) : path
    return true
  }
}

extension UnsafeMutablePointer<Exchange> {
  /// Answers a request whose plugin has as many in flight as it may have. The log has a line about the first one.
  @inline(never)
  fileprivate func refuse(beyondLimitOf route: RoutePointer) -> Bool {
    ErrorResponse.send(
      on: self, status: 503, text: route.pointee.generation.pointee.use.refusalOfRequest, route: route,
      isReported: true)
    return false
  }
}

extension UnsafeMutablePointer<Job> {
  /// Waits for the timers of another turn: a job that only yields may run again in this one, before any event is seen.
  func letOthersRun() { _ = suspend(for: .yield, in: pointee.scope, timeout: 0) }
}

/// The events of its scope that an exchange handles.
private let exchangeObserver = ScopeObserver(
  cancelling: { scope in scope.assumingMemoryBound(to: Exchange.self).scopeIsEnding() },
  closed: { scope in
    let exchange = scope.assumingMemoryBound(to: Exchange.self)
    exchange.pointee.server.recycle(exchange)
  })
