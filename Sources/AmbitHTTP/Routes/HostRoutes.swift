package import AmbitCore
internal import AmbitRuntime
internal import AmbitSystem
internal import CAmbit

/// The routes that the host itself serves. Their handlers run like those of a plugin, on threads of the pool.
final class HostRoutes: Sendable {
  private let answers: [String: HostRoute.Answer]

  private init(_ routes: [HostRoute]) {
    answers = Dictionary(uniqueKeysWithValues: routes.map { ($0.pattern.description, $0.answer) })
  }

  /// Makes what a server on `loops` needs to serve the routes, which stay for the life of the process. From the control
  /// thread only.
  /// - Throws: if two routes have the same meaning.
  static func makeRouteSet(_ routes: [HostRoute], on loops: LoopGroup) throws(RouteConflict) -> RouteSet {
    let generation = Unchecked(openGeneration(on: loops))
    generation.value.pointee.state = Unmanaged.passRetained(HostRoutes(routes)).toOpaque()
    return try RouteSet(
      routes.map { route in
        RouteDeclaration(
          pattern: route.pattern,
          entryPoint: EntryPoint(.handler(answerHostRoute), isBlocking: true, generation: generation.value))
      })
  }

  /// The scopes in which the handlers run: those of a plugin generation that never ends.
  static func openGeneration(on loops: LoopGroup) -> GenerationPointer {
    let shards = UnsafeMutableBufferPointer<ScopePointer>.allocate(capacity: loops.loops.count)
    let record = GenerationPointer.allocate(capacity: 1)
    record.initialize(to: Generation(label: "ambit/0", settings: SettingsTable([]), shards: shards))
    let generation = Unchecked(record)
    loops.onEach { loop in
      let shard = ScopePointer.allocate(capacity: 1)
      shard.open(
        below: loop.pointee.root, kind: .plugin,
        observer: ScopeObserver(cancelling: { _ in }, closed: { _ in }))
      shard.join(generation.value)
      shard.release()
      generation.value.pointee.shards[loop.pointee.index] = shard
    }
    return record
  }

  fileprivate func answer(_ exchange: ExchangePointer) -> HostResponse {
    let accept = exchange.field(.literal("Accept")).map { String(decoding: $0, as: UTF8.self) }
    let pattern = String(bytes: exchange.scope.pointee.label)
    let query = exchange.pointee.head.query.map { String(decoding: exchange.bytes($0), as: UTF8.self) }
    return answers[pattern]!(HostRequest(accept: accept, query: query))
  }
}

/// The handler of all routes of the host, on a thread of the pool.
private let answerHostRoute: ambit_handler = { handle in
  let exchange = ExchangePointer.of(handle)!
  let routes = exchange.scope.pointee.generation!.pointee.state!
  let response = Unmanaged<HostRoutes>.fromOpaque(routes)._withUnsafeGuaranteedRef { $0.answer(exchange) }
  var contentType = response.contentType
  return contentType.withUTF8 { contentType in
    let contentType = UnsafeRawBufferPointer(contentType)
    switch response.body {
    case .text(let text): return exchange.send(text, status: response.status, contentType, for: handle)
    case .stream(let body): return exchange.stream(body, status: response.status, contentType, for: handle)
    }
  }
}

extension UnsafeMutablePointer<Exchange> {
  fileprivate func send(
    _ text: String, status: Int, _ contentType: UnsafeRawBufferPointer, for handle: UnsafeMutablePointer<ambit_scope>?
  ) -> Int32 {
    var text = text
    return text.withUTF8 { text in
      HostCall.asJob(handle, "ambit_respond") { scope, job in
        ResponseWriter.respond(
          to: self, status: status, contentType: contentType, body: UnsafeRawBufferPointer(text), job: job,
          scope: scope)
      }
    }
  }

  /// Sends the head, and each piece that `body` writes; the end of the response follows when the handler returns.
  fileprivate func stream(
    _ body: (HostResponse.Write) -> Void, status: Int, _ contentType: UnsafeRawBufferPointer,
    for handle: UnsafeMutablePointer<ambit_scope>?
  ) -> Int32 {
    var result = HostCall.asJob(handle, "ambit_begin") { _, _ in
      ResponseWriter.begin(self, status: status, contentType: contentType, length: nil)
    }
    guard result == Status.ok.rawValue else { return result }
    body { bytes in
      guard result == Status.ok.rawValue else { return false }
      result = bytes.withUnsafeBytes { bytes in
        HostCall.asJob(handle, "ambit_write") { scope, job in
          ResponseWriter.write(bytes, to: self, job: job, scope: scope)
        }
      }
      return result == Status.ok.rawValue
    }
    return result
  }
}

/// A route that the host itself serves, without a plugin.
package struct HostRoute: Sendable {
  package typealias Answer = @Sendable (HostRequest) -> HostResponse

  let pattern: RoutePattern
  let answer: Answer

  /// `answer` runs on a thread of the pool, and may block.
  package init(_ pattern: RoutePattern, answer: @escaping Answer) {
    self.pattern = pattern
    self.answer = answer
  }
}

/// The request to a route of the host.
package struct HostRequest: Sendable {
  /// The value of the first `Accept` field; nil without one.
  package let accept: String?
  /// What follows the `?` of the target, not decoded; nil without one.
  package let query: String?
}

/// The response of a route of the host.
package struct HostResponse: Sendable {
  /// Sends a piece of the body at once, and waits while the client is slow. False if the client has left or the host is
  /// stopping: nothing more can be sent.
  package typealias Write = (_ bytes: [UInt8]) -> Bool

  package enum Body: Sendable {
    /// Sent whole, with its length.
    case text(String)
    /// Called once on the thread of the answer, which it may block; the response ends when it returns.
    case stream(@Sendable (Write) -> Void)
  }

  package let status: Int
  package let contentType: String
  package let body: Body

  package init(status: Int, contentType: String, body: String) {
    self.init(status: status, contentType: contentType, body: .text(body))
  }

  package init(status: Int, contentType: String, body: Body) {
    self.status = status
    self.contentType = contentType
    self.body = body
  }
}
