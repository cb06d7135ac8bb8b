internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins
internal import AmbitRuntime
internal import Logging

// Plugin files: which are unchanged, and the dry run of the others.

extension PluginRepository {
  /// Plans the plugin in a file of the plugin directory.
  func takePlugin(_ file: PluginFile, _ planning: inout Planning) {
    let configuration = planning.configuration
    do throws(PluginError) {
      let content = try PluginContent(
        of: file, settle: configuration.settle, trust: configuration.fileTrust, limit: configuration.maxPluginSize)
      if let refusal = refusal(of: content.hash) { throw refusal }
      if let name = unchanged(content, planning), try needsSameLibraries(serving[name]!.copy, file, &planning) {
        try keep(file, as: name, &planning.plan)
      } else {
        let copy = try link(try copies.add(content), &planning)
        planning.plan.generations.append(try performDryRun(copy, planning))
      }
    } catch {
      planning.plan.refusals[file.path] = error
    }
  }

  /// The plugin that serves with this content and with the settings that it would get now; nil if there is none.
  private func unchanged(_ content: PluginContent, _ planning: Planning) -> String? {
    serving.first { name, plugin in
      !plugin.isLibrary && !retried.contains(name) && plugin.copy.hash == content.hash
        && plugin.settings == planning.configuration.settings(of: name, planning.calls)
    }?.key
  }

  /// If two files have the same content, the file that was loaded is the plugin's.
  private func keep(_ file: PluginFile, as name: String, _ plan: inout ReloadPlan) throws(PluginError) {
    guard let other = plan.kept[name] else { return plan.kept[name] = file }
    guard serving[name]!.file == file else { throw PluginConflicts.error(of: file, named: name, besides: other) }
    plan.kept[name] = file
    plan.refusals[other.path] = PluginConflicts.error(of: other, named: name, besides: file)
  }

  /// Tries a copy of a plugin in a child process: loads, starts and stops it there.
  func performDryRun(_ copy: PluginCopy, _ planning: Planning) throws(PluginError) -> PlannedGeneration {
    let (configuration, calls, workers) = (planning.configuration, planning.calls, planning.workers)
    do throws(PluginError) {
      let result = try planning.dryRun.run(copy) { manifest throws(PluginError) in
        // At the start no plugin serves, and the dry run need not wait for the first worker.
        var state: HandedOverState?
        if case .given(let given) = planning.stateOfDryRun {
          state = given
        } else if serving[manifest.name] != nil {
          state = try workers?.save(manifest.name, within: configuration.dryRunTimeout)
        }
        return DryRunInputs(
          settings: configuration.settings(of: manifest.name, calls), limits: configuration.limits(of: manifest.name),
          handedOver: state)
      }
      let manifest = result.manifest
      let settings = configuration.settings(of: manifest.name, calls)
      let patterns = try manifest.patterns(prefix: settings.prefix, of: copy.file) + settings.calls.map(\.pattern)
      warnOfLargeFrames(in: copy, of: manifest.name)
      if copy.needsRunLoop { logger.warning("plugin \(manifest.name) (\(copy.file.path)): \(LibraryWarning.runLoop)") }
      var planned = PlannedGeneration(copy, manifest, settings, patterns: patterns)
      planned.limits = configuration.limits(of: manifest.name)
      planned.warnings = result.warnings + manifest.doubts
      return planned
    } catch {
      copies.discard(copy)
      throw error
    }
  }

  private func warnOfLargeFrames(in copy: PluginCopy, of plugin: String) {
    let frames = copy.largeFrames()
    let shown = 3
    for frame in frames.prefix(shown) { logger.warning("plugin \(plugin) (\(copy.file.path)): \(frame)") }
    guard frames.count > shown else { return }
    let rest = "\(frames.count - shown) more functions have such frames; ambit inspect lists them"
    logger.warning("plugin \(plugin) (\(copy.file.path)): \(rest)")
  }
}

extension HostConfiguration {
  /// The settings of a plugin in the configuration.
  func settings(of plugin: String, _ calls: CallRoutes) -> PluginSettingValues {
    let settings = pluginSettings[plugin] ?? PluginSettings()
    return PluginSettingValues(
      prefix: settings.prefix, values: settings.values, calls: calls.plugins[plugin] ?? [])
  }
}
