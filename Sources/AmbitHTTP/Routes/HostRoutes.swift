package import AmbitCore
internal import AmbitRuntime
internal import AmbitSystem
internal import CAmbit

/// The routes that the host answers, as a server calls them: like those of a plugin, on threads of the pool.
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

  /// The scopes in which the answers run: like a plugin's, of one that never ends.
  private static func openGeneration(on loops: LoopGroup) -> GenerationPointer {
    let shards = UnsafeMutableBufferPointer<ScopePointer>.allocate(capacity: loops.loops.count)
    let record = GenerationPointer.allocate(capacity: 1)
    record.initialize(to: Generation(label: "ambit/0", settings: SettingsTable([]), shards: shards))
    let generation = Unchecked(record)
    loops.onEach { loop in
      let shard = ScopePointer.allocate(capacity: 1)
      shard.open(
        below: loop.pointee.root, kind: .plugin,
        observer: ScopeObserver(cancelling: { _ in }, closed: { _ in }))
      shard.pointee.generation = generation.value
      shard.release()
      generation.value.pointee.shards[loop.pointee.index] = shard
    }
    return record
  }

  fileprivate func answer(_ exchange: ExchangePointer) -> HostResponse {
    let accept = exchange.field(.literal("Accept")).map { String(decoding: $0, as: UTF8.self) }
    let pattern = String(bytes: exchange.scope.pointee.label)
    return answers[pattern]!(HostRequest(accept: accept))
  }
}

/// The handler of all of them, on a thread of the pool.
private let answerHostRoute: ambit_handler = { handle in
  let exchange = ExchangePointer.of(handle)!
  let routes = exchange.scope.pointee.generation!.pointee.state!
  let response = Unmanaged<HostRoutes>.fromOpaque(routes)._withUnsafeGuaranteedRef { $0.answer(exchange) }
  var body = response.body
  var contentType = response.contentType
  return body.withUTF8 { body in
    contentType.withUTF8 { contentType in
      HostCall.asJob(handle) { scope, job in
        ResponseWriter.respond(
          to: exchange, status: response.status, contentType: UnsafeRawBufferPointer(contentType),
          body: UnsafeRawBufferPointer(body), job: job, scope: scope)
      }
    }
  }
}

/// A route that the host itself answers, without a plugin.
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

/// What such a route is told of a request.
package struct HostRequest: Sendable {
  /// The value of the first `Accept` field; nil without one.
  package let accept: String?
}

/// What such a route answers.
package struct HostResponse: Sendable {
  package let status: Int
  package let contentType: String
  package let body: String

  package init(status: Int, contentType: String, body: String) {
    self.status = status
    self.contentType = contentType
    self.body = body
  }
}
