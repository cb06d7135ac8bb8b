package import AmbitCore
package import AmbitRuntime
internal import CAmbit
internal import Synchronization

/// The routes of plugins that do not run at present. The host answers their requests with 503, with the reason, and with
/// the time after which the client may try again. Other requests pay nothing for that.
///
/// For the control thread, but for the answers.
@safe
package final class UnavailableRoutes: @unchecked Sendable {
  private let loops: LoopGroup
  /// The scopes in which the requests run: those of a plugin generation that never ends. Made when it is needed first.
  private lazy var generation = makeGeneration()
  /// By pattern. A pattern that was needed once stays for the life of the process, as its generation does.
  private var known: [String: RouteDeclaration] = [:]
  private let answers = Mutex<[String: UnavailableRoute]>([:])

  package init(on loops: LoopGroup) { self.loops = loops }

  private func makeGeneration() -> GenerationPointer {
    let generation = HostRoutes.openGeneration(on: loops)
    generation.pointee.state = Unmanaged.passRetained(self).toOpaque()
    return generation
  }

  /// The routes as a set of routes takes them. From now on their requests get these answers, also those of the same
  /// patterns from earlier calls. Waits the first time that there are any, until every loop has done its part.
  package func declarations(of routes: [UnavailableRoute]) -> [RouteDeclaration] {
    routes.map { route in
      let pattern = route.pattern.description
      answers.withLock { $0[pattern] = route }
      if let declaration = known[pattern] { return declaration }
      let entryPoint = EntryPoint(.handler(answerUnavailable), generation: generation)
      let declaration = RouteDeclaration(pattern: route.pattern, entryPoint: entryPoint)
      known[pattern] = declaration
      return declaration
    }
  }

  /// Whether a route is one of these, so that it never leaves its event loop.
  static func has(_ route: RoutePointer) -> Bool {
    guard case .handler(let handler) = route.pointee.target else { return false }
    return unsafeBitCast(handler, to: UInt.self) == unsafeBitCast(answerUnavailable, to: UInt.self)
  }

  fileprivate func answer(_ exchange: ExchangePointer) {
    let pattern = String(bytes: exchange.scope.pointee.label)
    guard let route = answers.withLock({ $0[pattern] }) else { return }
    ErrorResponse.send(
      on: exchange, status: 503, text: route.text, retryAfter: route.retryAfter, isReported: true, namesRequest: false)
  }
}

/// The handler of all routes of plugins that do not run.
private let answerUnavailable: ambit_handler = { handle in
  let exchange = ExchangePointer.of(handle)!
  let routes = exchange.scope.pointee.generation!.pointee.state!
  Unmanaged<UnavailableRoutes>.fromOpaque(routes)._withUnsafeGuaranteedRef { $0.answer(exchange) }
  return Status.ok.rawValue
}

/// A route of a plugin that does not run at present.
package struct UnavailableRoute: Codable, Sendable {
  package let pattern: RoutePattern
  /// What the client is told: "plugin hello is quarantined (3 crashes in 4 s)".
  package let text: String
  /// After how many seconds it may try again.
  package let retryAfter: Int

  package init(pattern: RoutePattern, text: String, retryAfter: Int) {
    (self.pattern, self.text, self.retryAfter) = (pattern, text, retryAfter)
  }
}
