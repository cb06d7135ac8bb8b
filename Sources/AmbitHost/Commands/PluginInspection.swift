internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem

/// `ambit inspect`: what the file and the entry of a plugin say, and whether the host would take it.
package struct PluginInspection: Sendable {
  let content: PluginContent
  let facts: LibraryFacts
  /// Functions whose stack frames can skip a guard page.
  let largeFrames: [LargeFrame]
  /// The content of its entry; nil if the entry could not be read.
  let manifest: PluginManifest?
  /// Why the host would refuse the file, a line for each reason; empty if it would not.
  package let refusals: [String]

  /// Reads the file at `path`. The entry is read in a child process, because loading the library runs its constructors.
  /// The plugin's `start` does not run. Blocks.
  /// - Throws: if the file cannot be read, or is no shared library for this machine.
  package init(path: String) throws(HostError) {
    let folder: PluginCopies
    do throws(PrivateFolder.Unavailable) {
      folder = try PrivateFolder.open(nil, environment: HostProcess.environment, trust: .any).copies
    } catch {
      throw HostError(error)
    }
    defer { folder.remove() }
    let copy: PluginCopy
    do throws(PluginError) {
      content = try PluginContent(of: PluginFile(path: path), settle: .zero)
      (copy, facts) = try folder.copy(content)
    } catch {
      throw HostError(error)
    }
    largeFrames = copy.largeFrames()
    do throws(PluginError) {
      manifest = try Self.manifest(of: copy, facts, in: folder)
      refusals = []
    } catch {
      manifest = nil
      refusals = error.problems.map(\.reason)
    }
  }

  private static func manifest(
    of copy: PluginCopy, _ facts: LibraryFacts, in folder: PluginCopies
  ) throws(PluginError) -> PluginManifest {
    try facts.refuseUnlessLoadable(copy.file)
    let defaults = HostConfiguration.defaults
    let limits = defaults.dryRunLimits(confinedBy: Confinement())
    let dryRun = DryRun(limits: limits, timeout: defaults.dryRunTimeout) { event in
      LineOutput.standardError.write("\(copy.file.path), dry run: \(event.message)\n")
    }
    var resolver = DependencyResolver(copies: folder, settle: .zero, trust: .any) {
      LoadedLibrary($0, file: $1, besides: folder.path)
    }
    let linked = try folder.attach(try resolver.dependencies(of: copy, in: copy.file), to: copy)
    return try dryRun.run(linked) { _ in nil }.manifest
  }
}

extension PluginInspection {
  /// A line for each fact, for people.
  package var text: String {
    var table = TextTable()
    table.add("file", "\(content.file.path), \(facts.size) bytes")
    table.add("sha256", "\(content.hash)")
    table.add("build id", facts.buildID ?? "none")
    table.add("machine", "\(facts.machine)")
    table.add("needs", list(facts.needed))
    table.add("exports", list(facts.exports))
    if let manifest { add(manifest, to: &table) }
    for reason in reasonsToStay { table.add("stays", reason) }
    for warning in facts.warnings(entry: "ambit_plugin_entry") { table.add("warning", "\(warning)") }
    for frame in largeFrames { table.add("warning", "\(frame)") }
    for refusal in refusals { table.add("refused", refusal) }
    return table.lines.map { $0 + "\n" }.joined()
  }

  private func list(_ names: [String]) -> String { names.isEmpty ? "nothing" : names.joined(separator: ", ") }

  private func add(_ manifest: PluginManifest, to table: inout TextTable) {
    table.add("plugin", [manifest.name, manifest.version].filter { !$0.isEmpty }.joined(separator: " "))
    if !manifest.about.isEmpty { table.add("about", manifest.about) }
    table.add("abi", manifest.abi)
    table.add("flags", list(manifest.flags.names))
    for route in manifest.routes {
      let size = route.stackSize > 0 ? route.stackSize : manifest.stackSize
      let stack = size > 0 ? ["stack_size \(size)"] : []
      let parts = ["\(route.pattern)", route.signature].compactMap { $0 } + route.flags.names + stack
      table.add("route", parts.joined(separator: "  "))
    }
  }

  /// Why its library would stay in memory after the plugin is replaced.
  private var reasonsToStay: [String] {
    let isDeclared = manifest?.flags.contains(.unloadable) ?? true
    return (isDeclared ? [] : ["it does not declare AMBIT_PLUGIN_UNLOADABLE"])
      + facts.unloadObstacles.map(\.description)
  }
}

extension PluginFlags {
  fileprivate var names: [String] {
    let all: [(PluginFlags, String)] = [(.unloadable, "AMBIT_PLUGIN_UNLOADABLE"), (.threads, "AMBIT_PLUGIN_THREADS")]
    return all.filter { contains($0.0) }.map(\.1)
  }
}

extension RouteFlags {
  fileprivate var names: [String] {
    let all: [(RouteFlags, String)] = [
      (.blocking, "AMBIT_ROUTE_BLOCKING"), (.finishOnDisconnect, "AMBIT_ROUTE_FINISH_ON_DISCONNECT"),
    ]
    return all.filter { contains($0.0) }.map(\.1)
  }
}
