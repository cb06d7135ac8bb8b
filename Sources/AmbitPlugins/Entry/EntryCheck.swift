import AmbitCore
import AmbitRuntime
import AmbitSystem
import CAmbit

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
    return PluginDeclaration(
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
