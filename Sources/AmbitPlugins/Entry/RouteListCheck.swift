import AmbitCore

/// Checks the routes of an entry together.
enum RouteListCheck {
  /// The routes, and everything that is wrong with them; the routes are whole only if nothing is.
  static func routes(of image: EntryImage) -> ([DeclaredRoute], [EntryProblem]) {
    let limit = EntryImage.maximumRoutes
    guard image.routeCount <= limit else {
      return ([], [EntryProblem(.malformedEntry, "route_count: expected at most \(limit), found \(image.routeCount)")])
    }
    guard let declared = image.routes else {
      let reason = "routes: expected route_count of them, \(image.routeCount), found NULL"
      return ([], image.routeCount == 0 ? [] : [EntryProblem(.malformedEntry, reason)])
    }
    var problems = [EntryProblem]()
    var routes = [(index: Int, route: DeclaredRoute)]()
    for (index, route) in declared.enumerated() {
      var check = RouteCheck(route, index: index)
      if let route = check.declaredRoute() { routes.append((index, route)) }
      problems += check.problems
    }
    return (routes.map(\.route), problems + repetitions(in: routes))
  }

  private static func repetitions(in routes: [(index: Int, route: DeclaredRoute)]) -> [EntryProblem] {
    RouteConflict.all(in: routes.map(\.route.pattern)).map { conflict in
      let (first, second) = (routes[conflict.first], routes[conflict.second])
      return EntryProblem(
        .malformedRoute,
        "routes[\(second.index)].pattern: \(second.route.pattern) answers the same requests as "
          + "routes[\(first.index)], \(first.route.pattern)")
    }
  }
}
