internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging

/// Finds out what the plugin directory and the libraries of configured routes have come to, and tries in a child process
/// which plugins and libraries are new or changed. None is loaded here.
struct PluginRepository {
  let source: ConfigurationSource
  let copies: PluginCopies
  let loader: LibraryLoader
  /// Whether the host is to stop: nothing that plugins do is waited for then.
  let isStopping: @Sendable () -> Bool

  /// - Throws: if the folder for private copies cannot be made, or a thread.
  init(
    source: ConfigurationSource, configuration: HostConfiguration, isStopping: @escaping @Sendable () -> Bool
  ) throws(HostError) {
    self.source = source
    self.isStopping = isStopping
    InPlaceUse.noteHostsOwn()
    do throws(SystemError) {
      loader = try LibraryLoader(isStopping: isStopping)
    } catch {
      throw HostError(error)
    }
    let parent =
      configuration.privateDirectory.map { source.resolve($0) } ?? HostProcess.variable("TMPDIR") ?? "/tmp"
    do throws(UntrustedFile) {
      try configuration.fileTrust.check(parent)
    } catch {
      throw HostError(["the directory for private copies: \(error)"])
    }
    do throws(FileError) {
      copies = try PluginCopies(in: parent)
    } catch {
      throw HostError(["the directory for private copies: \(error)"])
    }
  }

  /// Compares directory and configuration with what serves now, by name. Blocks.
  /// - Parameter lastGood: Where the last good copies of refused files are taken from; nil for none.
  /// - Throws: if the directory cannot be listed or trusted, or the host is to stop.
  func prepare(
    _ configuration: HostConfiguration, serving: [String: PluginGeneration],
    fallingBackTo lastGood: LastGoodCopies? = nil
  ) throws(HostError) -> ReloadPlan {
    let calls = CallRoutes(configuration, file: source.name)
    let files = try list(configuration)
    let dryRun = dryRun(configuration)
    var plan = ReloadPlan()
    var resolver = resolver(configuration)
    plan.files = files + calls.libraries.map { PluginFile(library: $0.name, at: source.resolveLibrary($0.name)) }
    for file in files {
      do throws(PluginError) {
        let content = try PluginContent(
          of: file, settle: configuration.settle, trust: configuration.fileTrust, limit: configuration.maxPluginSize)
        if let name = Self.unchanged(content, configuration, calls, serving),
          try bringsTheSame(serving[name]!.plugin.copy, file, &resolver, &plan)
        {
          try Self.keep(file, as: name, serving, &plan)
        } else {
          let copy = try add(content, &resolver, &plan)
          plan.candidates.append(try performDryRun(copy, dryRun, configuration, calls, serving))
        }
      } catch {
        plan.refusals[file.path] = error
      }
      try goOn()
    }
    for library in calls.libraries {
      take(library, configuration, dryRun, &resolver, serving: serving[library.name], &plan)
      try goOn()
    }
    // What is refused because of a conflict may have a last good copy without one.
    for _ in 0..<2 {
      if let lastGood { try fallBack(to: lastGood, configuration, in: &plan) }
      refuseThreadConflicts(in: &plan, serving: serving)
      refuseConflicts(in: &plan, calls, serving: serving)
    }
    plan.forgetRefusedFallbacks()
    plan.removed = plan.missing(from: serving)
    refuseCallsOfNobody(calls, in: &plan, serving: serving)
    noteSettingsOfNobody(configuration, in: &plan, serving: serving)
    return plan
  }

  func dryRun(_ configuration: HostConfiguration) -> DryRun {
    DryRun(
      limits: configuration.dryRunLimits, timeout: configuration.dryRunTimeout, isStopping: isStopping,
      log: Self.log)
  }

  /// - Throws: if the host is to stop.
  func goOn() throws(HostError) {
    if isStopping() { throw .interruption }
  }

  private func list(_ configuration: HostConfiguration) throws(HostError) -> [PluginFile] {
    let directory = source.resolve(configuration.plugins)
    let files: [PluginFile]
    do throws(FileError) {
      files = try PluginDirectory.list(directory)
    } catch {
      throw HostError(["plugins: \(error)"])
    }
    do throws(UntrustedFile) {
      try configuration.fileTrust.check(directory)
    } catch {
      throw HostError(["plugins: \(error)"])
    }
    return files
  }

  /// The plugin that serves with this content and the settings it would get now; nil if there is none.
  private static func unchanged(
    _ content: PluginContent, _ configuration: HostConfiguration, _ calls: CallRoutes,
    _ serving: [String: PluginGeneration]
  ) -> String? {
    serving.first { name, generation in
      !generation.plugin.isForeign && generation.plugin.copy.hash == content.hash
        && generation.settings == configuration.settings(of: name, calls)
    }?.key
  }

  /// Of two files with the same content the one that was loaded is the plugin's.
  private static func keep(
    _ file: PluginFile, as name: String, _ serving: [String: PluginGeneration], _ plan: inout ReloadPlan
  ) throws(PluginError) {
    guard let other = plan.kept[name] else { return plan.kept[name] = file }
    guard serving[name]!.file == file else { throw PluginConflicts.error(of: file, named: name, besides: other) }
    plan.kept[name] = file
    plan.refusals[other.path] = PluginConflicts.error(of: other, named: name, besides: file)
  }

  func performDryRun(
    _ copy: PluginCopy, _ dryRun: DryRun, _ configuration: HostConfiguration, _ calls: CallRoutes,
    _ serving: [String: PluginGeneration]
  ) throws(PluginError) -> Candidate {
    do throws(PluginError) {
      let result = try dryRun.run(copy) { manifest throws(PluginError) in
        let state = try serving[manifest.name]?.save(
          timeout: configuration.dryRunTimeout, unless: isStopping)
        return DryRunInputs(settings: configuration.settings(of: manifest.name, calls), handedOver: state)
      }
      let manifest = result.manifest
      let settings = configuration.settings(of: manifest.name, calls)
      let patterns = try manifest.patterns(prefix: settings.prefix, of: copy.file) + settings.calls.map(\.pattern)
      warnOfLargeFrames(in: copy, of: manifest.name)
      return Candidate(origin: .plugin(copy, manifest), settings: settings, patterns: patterns)
    } catch {
      copies.discard(copy)
      throw error
    }
  }

  private func warnOfLargeFrames(in copy: PluginCopy, of plugin: String) {
    let frames = copy.largeFrames()
    let shown = 3
    for frame in frames.prefix(shown) {
      Logger(label: "ambit").warning("plugin \(plugin) (\(copy.file.path)): \(frame)")
    }
    guard frames.count > shown else { return }
    let rest = "\(frames.count - shown) more functions have such frames; ambit inspect lists them"
    Logger(label: "ambit").warning("plugin \(plugin) (\(copy.file.path)): \(rest)")
  }

  private func refuseConflicts(in plan: inout ReloadPlan, _ calls: CallRoutes, serving: [String: PluginGeneration]) {
    let candidates = plan.candidates.map {
      PluginConflicts.Candidate($0.claim, predecessor: serving[$0.name]?.claim(calls))
    }
    let leaving = Set(plan.missing(from: serving)).union(plan.candidates.map(\.name))
    let staying = serving.filter { !leaving.contains($0.key) || plan.kept[$0.key] != nil }
    let standing = staying.map { $0.value.claim(calls) }
    let refusals = PluginConflicts.errors(among: candidates, standing: standing)
    for candidate in plan.candidates where refusals[candidate.file] != nil {
      if let copy = candidate.unloadedCopy { copies.discard(copy) }
    }
    plan.candidates.removeAll { refusals[$0.file] != nil }
    plan.refusals.merge(refusals) { own, _ in own }
  }

  /// What a plugin writes and logs in its dry run goes to the log; its name says so: "hello/dry-run".
  private static func log(_ event: RelayLogHandler.Event) {
    let fields = event.fields.map { ($0.key, Logger.Metadata.Value.string($0.value)) }
    Logger(label: "ambit.dry-run").log(
      level: Logger.Level(rawValue: event.level) ?? .info, "\(event.message)",
      metadata: Dictionary(fields) { $1 })
  }
}

extension HostConfiguration {
  /// What the configuration says of a plugin.
  fileprivate func settings(of plugin: String, _ calls: CallRoutes) -> PluginSettingValues {
    let settings = pluginSettings[plugin] ?? PluginSettings()
    return PluginSettingValues(
      prefix: settings.prefix, values: settings.values, calls: calls.plugins[plugin] ?? [])
  }

  var fileTrust: FileTrust {
    switch trust {
    case .owner: .owner
    case .any: .any
    }
  }

  /// The limits of the runtime, for the child process of dry runs.
  var dryRunLimits: DryRunLimits {
    DryRunLimits(
      stackSize: stackSize, cancelGrace: cancelGrace.wholeNanoseconds, poolThreads: poolThreads,
      logLevel: log.level.rawValue)
  }
}

extension PluginGeneration {
  /// What this generation lays claim to while it serves; its configured routes have the places that `calls` gives them
  /// now, and none if it does not have them any more.
  func claim(_ calls: CallRoutes) -> PluginConflicts.Claim {
    let name = plugin.declaration.name
    let own = routes.dropLast(settings.calls.count).map { PluginConflicts.Route($0.pattern) }
    let present = calls.routes(of: name)
    let configured = settings.calls.map { call in
      PluginConflicts.Route(call.pattern, place: present.first { $0 == call }?.place)
    }
    return .init(plugin: name, file: file.path, routes: own + configured)
  }
}
