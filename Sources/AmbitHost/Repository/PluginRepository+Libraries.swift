internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins

// Libraries that are no plugins. Each counts as a plugin that declares nothing and whose routes are all configured, so
// its routes have a generation, and change, stay and go like those of plugins.

extension PluginRepository {
  /// Plans a library of configured routes, with a dry run if it is new or changed. If only its routes have changed, it
  /// is used as it was loaded. An optional library may be missing, but not be bad.
  func takeLibrary(_ library: CallRoutes.Library, _ planning: inout Planning) {
    let configuration = planning.configuration
    let settings = PluginSettingValues(prefix: "", values: [:], calls: library.routes)
    let serving = retried.contains(library.name) ? nil : serving[library.name]
    do throws(PluginError) {
      if let serving, serving.settings == settings, try isUnchangedBehindBusyLoader(serving.copy, planning) {
        return planning.plan.kept[library.name] = serving.file
      }
      let found = try find(library, planning)
      let version = try version(of: found, configuration)
      if let serving, serving.copy.isSame(as: version), try needsSameLibraries(serving.copy, found.file, &planning),
        serving.settings == settings || !planning.isQuarantined(library.name)
      {
        guard serving.settings != settings else { return planning.plan.kept[library.name] = serving.file }
        planning.plan.generations.append(try reroute(serving, to: library, settings, planning))
      } else {
        let copy = try link(try copies.add(version), &planning)
        planning.plan.generations.append(try performDryRun(copy, of: library, planning.dryRun))
      }
    } catch {
      let refusal = error.asked(at: library.place)
      if library.isOptional, error.isAbsence {
        planning.plan.notices += refusal.problems.map { "\($0); its routes are optional and are left out" }
      } else {
        planning.plan.refusals[library.name] = refusal
      }
    }
  }

  /// Tries a copy of a library in a child process: loads it there and looks up the functions of its routes.
  func performDryRun(
    _ copy: PluginCopy, of library: CallRoutes.Library, _ dryRun: DryRun
  ) throws(PluginError) -> PlannedGeneration {
    let settings = PluginSettingValues(prefix: "", values: [:], calls: library.routes)
    do throws(PluginError) {
      let result = try dryRun.run(copy) { _ in DryRunInputs(settings: settings, handedOver: nil) }
      let calls = LibraryCall.all(settings.calls, of: copy, in: result.functionImages)
      return PlannedGeneration(library: .library(copy), settings, at: library.place, calling: calls)
    } catch {
      copies.discard(copy)
      throw error
    }
  }

  /// Gives other routes to a library that is loaded. The worker looks up their functions.
  private func reroute(
    _ serving: ServingPlugin, to library: CallRoutes.Library, _ settings: PluginSettingValues, _ planning: Planning
  ) throws(PluginError) -> PlannedGeneration {
    let limit = planning.configuration.dryRunTimeout
    let calls = try planning.workers?.lookUp(library.routes, in: library.name, within: limit) ?? []
    return PlannedGeneration(library: .loadedLibrary(serving.copy), settings, at: library.place, calling: calls)
  }

  /// Whether the loader is busy and need not be asked. Constructors that do not return occupy the loader, but do not
  /// concern a library that serves and has not changed.
  private func isUnchangedBehindBusyLoader(_ copy: PluginCopy, _ planning: Planning) throws(PluginError) -> Bool {
    guard planning.isLoaderBusy else { return false }
    guard copy.isPrivate else { return true }
    let configuration = planning.configuration
    let content = try PluginContent(
      of: copy.file, settle: configuration.settle, trust: configuration.fileTrust, limit: configuration.maxPluginSize)
    return content.hash == copy.hash
  }

  /// Finds the file of a library. A library that is loaded is found where the loader has it.
  private func find(_ library: CallRoutes.Library, _ planning: Planning) throws(PluginError) -> FoundLibrary {
    let (name, path) = (library.name, source.resolveLibrary(library.name))
    guard let workers = planning.workers else { return try FoundLibrary(name, at: path, besides: copies.path) }
    let limit = planning.configuration.dryRunTimeout
    let answers = try workers.findLibrary(name, at: path, besides: copies.path, within: limit)
    return .agreed(answers, serving: serving[name]?.copy)
  }

  private func version(
    of found: FoundLibrary, _ configuration: HostConfiguration
  ) throws(PluginError) -> LibraryVersion {
    if let use = found.use { return .inPlace(found.file, use) }
    do throws(PluginError) {
      let content = try PluginContent(
        of: found.file, settle: configuration.settle, trust: configuration.fileTrust, limit: configuration.maxPluginSize
      )
      return .copied(found, content)
    } catch {
      throw error.locating(found.file)
    }
  }
}

// The libraries that plugins and libraries are linked with and bring along.

extension PluginRepository {
  /// - Parameter workers: Tell what is loaded; nil if nothing is.
  func makeResolver(_ configuration: HostConfiguration, asking workers: WorkerGroup?) -> DependencyResolver {
    let (folder, limit) = (copies.path, configuration.dryRunTimeout)
    return DependencyResolver(
      copies: copies, settle: configuration.settle, trust: configuration.fileTrust, limit: configuration.maxPluginSize
    ) { (name, file) throws(PluginError) in
      guard let workers else { return LoadedLibrary(name, file: file, besides: folder) }
      let answers = try workers.loadedLibrary(name, file: file, besides: folder, within: limit)
      return .agreed(answers, besides: folder)
    }
  }

  /// Finds the libraries that a new copy brings along. The copy is removed if one of them is refused.
  func link(_ copy: PluginCopy, _ planning: inout Planning) throws(PluginError) -> PluginCopy {
    do throws(PluginError) {
      var dependencies = try planning.resolver.dependencies(of: copy, in: copy.file)
      if dependencies.areOutdated, planning.resolverOfNewWorkers != nil {
        dependencies = try planning.resolverOfNewWorkers!.dependencies(of: copy, in: copy.file)
        planning.plan.filesForNewWorkers.insert(copy.file.path)
      }
      planning.plan.notes[copy.file.path] = dependencies.notes
      return try copies.attach(dependencies, to: copy)
    } catch {
      copies.discard(copy)
      throw error
    }
  }

  /// Whether a loaded copy would find the same libraries now as when it was loaded. If the loader is busy, nothing can
  /// be loaded anyway, and the answer is yes.
  func needsSameLibraries(
    _ loaded: PluginCopy, _ file: PluginFile, _ planning: inout Planning
  ) throws(PluginError) -> Bool {
    guard !planning.isLoaderBusy else { return true }
    let dependencies = try planning.resolver.dependencies(of: loaded, in: file)
    planning.plan.notes[file.path] = dependencies.notes
    if dependencies.areOutdated, planning.resolverOfNewWorkers != nil { return false }
    return dependencies.areLoadedLike(loaded.dependencies)
  }
}

extension PluginRepository.Planning {
  /// No worker runs the plugin or library, so that a new worker has not loaded it.
  fileprivate func isQuarantined(_ name: String) -> Bool { workers?.faults.ledger.quarantines[name] != nil }

  /// A worker is loading a library, so nothing else can be loaded there.
  fileprivate var isLoaderBusy: Bool { workers?.isLoaderBusy ?? false }
}
