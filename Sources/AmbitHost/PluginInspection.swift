internal import AmbitCore
internal import AmbitPlugins

/// What the host would make of a plugin's file: what `ambit inspect` shows.
package struct PluginInspection: Sendable {
  private let content: PluginContent
  private let facts: LibraryFacts
  /// Why the host would refuse the file; nil if nothing in the file speaks against it.
  package let refusal: String?

  /// Reads the file at `path`. No code of it runs.
  /// - Throws: if it cannot be read, or is no shared library for this machine.
  package init(path: String) throws(HostFailure) {
    do throws(PluginRefusal) {
      content = try PluginContent(of: PluginFile(path: path), settle: .zero)
      facts = try content.facts()
    } catch {
      throw HostFailure(error)
    }
    refusal = Self.refusal(of: facts)
  }

  private static func refusal(of facts: LibraryFacts) -> String? {
    do throws(ELFError) {
      try facts.checkLoadable()
      guard facts.exports.contains(Self.entry) else {
        return "it shows no \(Self.entry); is it defined with AMBIT_EXPORT?"
      }
      return nil
    } catch {
      return error.description
    }
  }

  private static let entry = "ambit_plugin_entry"

  /// Names it shows to others beside the entry.
  private var otherExports: [String] { facts.exports.filter { $0 != Self.entry } }

  /// What is not refused and may yet surprise.
  private var warnings: [String] {
    var warnings: [String] = []
    if facts.constructors > 0 {
      warnings.append("\(facts.constructors) constructors: code that runs while it is loaded, before its start")
    }
    if !otherExports.isEmpty {
      warnings.append("names beside its entry are visible to others; build it with -fvisibility=hidden")
    }
    if facts.usesSwift { warnings.append("it needs the Swift runtime that the host has") }
    return warnings
  }
}

extension PluginInspection {
  /// For people: a line for each fact.
  package var text: String {
    var table = TextTable()
    table.add("file", "\(content.file.path), \(facts.size) bytes")
    table.add("sha256", "\(content.hash)")
    table.add("machine", "\(facts.machine)")
    table.add("build id", facts.buildID ?? "none")
    table.add("needs", list(facts.needed))
    table.add("exports", list(facts.exports))
    for obstacle in facts.unloadObstacles { table.add("stays", "\(obstacle)") }
    for warning in warnings { table.add("warning", warning) }
    if let refusal { table.add("refused", refusal) }
    return table.lines.map { $0 + "\n" }.joined()
  }

  private func list(_ names: [String]) -> String { names.isEmpty ? "nothing" : names.joined(separator: ", ") }
}
