internal import AmbitCore
internal import AmbitSystem

/// How a plugin is compiled: all that decides what the library will be, but for the content of the files that the
/// compiler reads.
struct BuildRecipe {
  /// Each is `KIND=VALUE`: a variable of the environment, a compiler, `source` or `header`, and the like.
  let lines: [String]

  init(_ folder: SourceFolder, _ toolchain: Toolchain, _ compilers: Compilers) {
    let languages = folder.languages
    lines =
      languages.flatMap { language in
        ([compilers[language].name] + compilers[language].programs).map { "\(language.compilerName)=\($0)" }
          + ["\(language.rawValue)=\(toolchain.fixedFlags(for: language).joined(separator: " "))"]
      }
      + toolchain.variables(for: languages).map { "\($0.name)=\($0.value)" }
      + folder.sources.map { "source=\($0.name)" } + folder.headers.map { "header=\($0)" }
  }

  /// The first difference to the lines of an earlier recipe, a few words; nil if there is none.
  func change(from earlier: [String]) -> String? {
    if let new = lines.first(where: { !earlier.contains($0) }) { return Self.text(new, isNew: true) }
    if let old = earlier.first(where: { !lines.contains($0) }) { return Self.text(old, isNew: false) }
    return nil
  }

  private static func text(_ line: String, isNew: Bool) -> String {
    let parts = line.split(separator: "=", maxSplits: 1).map(String.init)
    return switch parts[0] {
    case "source", "header": "\(parts.last ?? "") is \(isNew ? "new" : "gone")"
    case "c", "c++": "this version of ambit uses other flags"
    default: "\(parts[0]) has changed"
    }
  }
}
