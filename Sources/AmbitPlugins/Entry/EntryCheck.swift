import AmbitCore
import CAmbit

/// Checks an entry whose header is right.
enum EntryCheck {
  /// - Throws: everything that is wrong with the entry, in the order of its fields.
  static func declaration(of image: EntryImage, in file: PluginFile) throws(PluginRefusal) -> PluginDeclaration {
    let (routes, routeProblems) = RouteListCheck.routes(of: image)
    let problems = textProblems(of: image) + routeProblems + flagProblems(of: image)
    let name = image.name.flatMap { isName($0) ? $0 : nil } ?? file.stem
    guard problems.isEmpty else {
      throw PluginRefusal(
        errors: problems.map { PluginError(code: $0.code, plugin: name, file: file.path, reason: $0.reason) })
    }
    return PluginDeclaration(
      name: name, version: image.version ?? "", about: image.about ?? "", flags: PluginFlags(rawValue: image.flags),
      routes: routes, start: image.start, stop: image.stop, save: image.save)
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
    if image.reserved != 0 {
      problems.append(EntryProblem(.malformedEntry, "reserved: expected 0, found \(hexadecimal(image.reserved))"))
    }
    return problems
  }

  private static func isName(_ text: String) -> Bool { text.wholeMatch(of: /[a-z][a-z0-9_-]*/) != nil }
}
