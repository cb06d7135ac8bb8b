import AmbitCore
import CAmbit

/// Checks one route of an entry and collects what is wrong with it.
struct RouteCheck {
  private let route: EntryImage.Route
  private let place: String
  private(set) var problems: [EntryProblem] = []

  /// `index` is the route's place in the entry, for the messages.
  init(_ route: EntryImage.Route, index: Int) {
    self.route = route
    place = "routes[\(index)]"
  }

  /// The route, or nil if there are problems.
  mutating func declaredRoute() -> DeclaredRoute? {
    let pattern = pattern()
    let target = target()
    checkFlags()
    guard let pattern, let target, problems.isEmpty else { return nil }
    return DeclaredRoute(
      pattern: pattern, target: target, flags: RouteFlags(rawValue: route.flags), stackSize: Int(route.stackSize))
  }

  private mutating func refuse(_ code: PluginProblem.Code, _ reason: String) {
    problems.append(EntryProblem(code, place + reason))
  }

  private mutating func pattern() -> RoutePattern? {
    guard let text = route.pattern else {
      refuse(.malformedRoute, ".pattern: expected a pattern such as \"GET /hello/{name}\", found NULL")
      return nil
    }
    do throws(RoutePatternError) {
      return try RoutePattern(text)
    } catch {
      let place = "\(quoted(text)): column \(error.offset + 1)"
      refuse(.malformedRoute, ".pattern: \(place): expected \(error.expected), found \(error.found)")
      return nil
    }
  }

  private mutating func target() -> DeclaredRoute.Target? {
    switch (route.handler, route.function, route.signature) {
    case (let handler?, nil, nil):
      return .handler(handler)
    case (_?, _?, _):
      refuse(.malformedRoute, ": expected a handler or a function, found both")
    case (_?, nil, _?):
      refuse(.malformedRoute, ".signature: expected NULL beside a handler, found \(quoted(route.signature ?? ""))")
    case (nil, nil, _):
      refuse(.malformedRoute, ": expected a handler or a function, found neither")
    case (nil, let function?, let text?):
      return signature(text).map { .function(function, $0) }
    case (nil, _?, nil):
      refuse(.malformedRoute, ".signature: expected the signature of the function, found NULL")
    }
    return nil
  }

  private mutating func signature(_ text: String) -> CSignature? {
    do throws(SignatureError) {
      return try CSignature(parsing: text)
    } catch {
      refuse(.malformedRoute, ".signature: \(quoted(text)):\(error)")
      return nil
    }
  }

  private mutating func checkFlags() {
    let flags = RouteFlags(rawValue: route.flags)
    let unknown = flags.subtracting(.known)
    if !unknown.isEmpty { refuse(.malformedRoute, ".flags: unknown bits \(hexadecimal(unknown.rawValue))") }
  }
}
