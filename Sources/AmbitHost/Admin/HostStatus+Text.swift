internal import AmbitCore
internal import AmbitPlugins
internal import AmbitRuntime

extension HostStatus {
  /// For people: the host, its generations, its last reloads.
  var text: String {
    let title = "ambit \(AmbitVersion.text), pid \(HostProcess.identifier), \(content.phase) since \(time(began))"
    let parts = [[title], hostLines, generationLines, reloadLines]
    return parts.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") + "\n" }.joined(separator: "\n")
  }

  private var hostLines: [String] {
    var table = TextTable()
    table.add("configuration", configuration ?? "defaults")
    table.add("listening", content.addresses.joined(separator: ", "))
    table.add("loops", "\(loopCount)" + silence)
    table.add("connections", "\(connections)")
    table.add("requests", "\(requests) in flight")
    table.add("ended", "\(content.ended) generations")
    return table.lines
  }

  private var silence: String {
    guard !silentLoops.isEmpty else { return "" }
    return ", of which \(silentLoops.map(String.init).joined(separator: ", ")) did not turn in time"
  }

  private var generationLines: [String] {
    guard !content.generations.isEmpty else { return [] }
    var table = TextTable()
    table.add("GENERATION", "STATE", "SINCE", "VERSION", "SHA-256", "ROUTES", "FILE")
    for entry in content.generations {
      let plugin = entry.generation.plugin
      table.add(
        entry.generation.label, entry.state, time(entry.since), plugin.declaration.version, plugin.copy.hash.prefix,
        "\(entry.generation.routes.count)", plugin.copy.file.path)
    }
    return table.lines
  }

  private var reloadLines: [String] {
    guard !content.reloads.isEmpty else { return [] }
    var table = TextTable()
    table.add("RELOAD", "MS", "RESULT")
    for reload in content.reloads {
      table.add(time(reload.began), "\(reload.milliseconds)", reload.summary)
    }
    return table.lines
  }

  private func time(_ nanoseconds: Int64) -> String { Timestamp.text(of: nanoseconds) }
}
