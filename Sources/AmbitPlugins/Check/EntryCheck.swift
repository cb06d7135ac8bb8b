internal import AmbitCore
internal import AmbitRuntime
internal import AmbitSystem
internal import CAmbit

/// Checks that the entry is one, and of an ABI that this host offers.
enum EntryHeaderCheck {
  /// Throws the first problem only, because a field has a meaning only if the fields before it are right.
  static func check(_ header: EntryHeader, of file: PluginFile) throws(PluginError) {
    let magic = UInt32(AMBIT_PLUGIN_MAGIC)
    guard header.magic == magic else {
      throw PluginError(
        .otherABI, file,
        "\(AMBIT_PLUGIN_SYMBOL).magic: expected \(hexadecimal(magic)), found \(hexadecimal(header.magic));"
          + " does the entry begin with AMBIT_PLUGIN_HEADER?")
    }
    guard header.major == UInt16(AMBIT_ABI_MAJOR), header.minor <= UInt16(AMBIT_ABI_MINOR) else {
      throw PluginError(
        .otherABI, file,
        "built for ABI \(header.major).\(header.minor), this host offers \(AMBIT_ABI_MAJOR).\(AMBIT_ABI_MINOR);"
          + " rebuild it with this host's ambit.h")
    }
    let size = unsafe UInt(MemoryLayout<ambit_plugin>.size)
    guard header.size >= size else {
      throw PluginError(
        .otherABI, file,
        "\(AMBIT_PLUGIN_SYMBOL).size: expected at least \(size) bytes for ABI \(header.major).\(header.minor),"
          + " found \(header.size); rebuild it with this host's ambit.h")
    }
  }
}

/// Checks an entry whose header is right.
enum EntryCheck {
  /// - Throws: everything that is wrong with the entry, in the order of its fields.
  static func declaration(of image: EntryImage, in file: PluginFile) throws(PluginError) -> PluginDeclaration {
    let (routes, routeProblems) = RouteListCheck.routes(of: image)
    let problems = textProblems(of: image) + routeProblems + flagProblems(of: image) + stackProblems(of: image)
    let name = image.name.flatMap { isName($0) ? $0 : nil } ?? file.stem
    guard problems.isEmpty else {
      throw PluginError(
        problems: problems.map { PluginProblem(code: $0.code, plugin: name, file: file.path, reason: $0.reason) })
    }
    return unsafe PluginDeclaration(
      name: name, version: image.version ?? "", about: image.about ?? "", flags: PluginFlags(rawValue: image.flags),
      stackSize: Int(image.stackSize), routes: routes, start: image.start, stop: image.stop, save: image.save)
  }

  private static func textProblems(of image: EntryImage) -> [EntryProblem] {
    var problems = [EntryProblem]()
    if image.name.map(isName) != true {
      let rule = "a lower-case letter, then lower-case letters, digits, _ or -"
      let found = image.name.map(quoted) ?? "NULL"
      problems.append(EntryProblem(.malformedEntry, "name: expected \(rule), found \(found)"))
    }
    for case (let field, let text?) in [("version", image.version), ("about", image.about)] where !isOneLine(text) {
      problems.append(EntryProblem(.malformedEntry, "\(field): expected one line, found \(quoted(text))"))
    }
    return problems
  }

  private static func flagProblems(of image: EntryImage) -> [EntryProblem] {
    let flags = PluginFlags(rawValue: image.flags)
    let unknown = flags.subtracting(.known)
    var problems = [EntryProblem]()
    if !unknown.isEmpty {
      problems.append(EntryProblem(.malformedEntry, "flags: unknown bits \(hexadecimal(unknown.rawValue))"))
    }
    return problems
  }

  private static func stackProblems(of image: EntryImage) -> [EntryProblem] {
    let runsOnThreads = PluginFlags(rawValue: image.flags).contains(.threads)
    var problems = [EntryProblem]()
    func check(_ size: UInt32, onThread: Bool, _ place: String, _ code: PluginProblem.Code) {
      guard let expected = StackSize.mismatch(Int(size), onThread: onThread) else { return }
      problems.append(EntryProblem(code, "\(place)stack_size: expected \(expected), found \(size)"))
    }
    check(image.stackSize, onThread: runsOnThreads, "", .malformedEntry)
    for (index, route) in (image.routes ?? []).enumerated() {
      let isBlocking = runsOnThreads || RouteFlags(rawValue: route.flags).contains(.blocking)
      check(route.stackSize, onThread: isBlocking, "routes[\(index)].", .malformedRoute)
    }
    return problems
  }

  private static func isName(_ text: String) -> Bool { text.wholeMatch(of: /[a-z][a-z0-9_-]*/) != nil }
}

/// Checks the routes of an entry together.
enum RouteListCheck {
  /// The routes and all their problems. The list of routes is complete only if there are no problems.
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
    switch unsafe (route.handler, route.function, route.signature) {
    case (let handler?, nil, nil):
      return unsafe .handler(handler)
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

/// A problem of an entry, without the plugin and the file.
struct EntryProblem: Equatable {
  let code: PluginProblem.Code
  let reason: String

  init(_ code: PluginProblem.Code, _ reason: String) {
    self.code = code
    self.reason = reason
  }
}

/// A plugin's text in quotes for a message of one line. Characters that a terminal or a log would not show are escaped.
func quoted(_ text: String) -> String {
  "\"" + text.unicodeScalars.map { isPlain($0) ? String($0) : $0.escapeSequence }.joined() + "\""
}

/// Whether a log line can contain the text unchanged.
func isOneLine(_ text: String) -> Bool { text.unicodeScalars.allSatisfy(isPlain) }

private func isPlain(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar.properties.generalCategory {
  case .control, .format, .lineSeparator, .paragraphSeparator: false
  default: scalar.fileNameByte == nil
  }
}

/// The number as C code writes it: "0x40".
func hexadecimal(_ number: UInt32) -> String { "0x" + String(number, radix: 16) }
