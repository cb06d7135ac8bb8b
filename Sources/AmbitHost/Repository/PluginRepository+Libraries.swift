internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins

// Libraries that are no plugins. Each is taken for a plugin that declares nothing, and whose routes are all configured:
// so its routes have a generation, and change, stay and go like those of plugins.

extension PluginRepository {
  /// Finds a library for its routes and tries in a child process what is new of it. A library of which only the routes
  /// have changed is used as it was loaded. One that is optional may be missing, but not be bad.
  func take(
    _ library: CallRoutes.Library, _ configuration: HostConfiguration, _ dryRun: DryRun,
    _ resolver: inout DependencyResolver, serving: PluginGeneration?, _ plan: inout ReloadPlan
  ) {
    let settings = PluginSettingValues(prefix: "", values: [:], calls: library.routes)
    do throws(PluginError) {
      if let serving, serving.settings == settings, try isUnchangedBehindBusyLoader(serving.plugin.copy, configuration)
      {
        return plan.kept[library.name] = serving.file
      }
      let found = try find(library, within: configuration.dryRunTimeout)
      let version = try version(of: found, configuration)
      if let serving, serving.plugin.copy.isSame(as: version),
        try bringsTheSame(serving.plugin.copy, found.file, &resolver, &plan)
      {
        guard serving.settings != settings else { return plan.kept[library.name] = serving.file }
        try check(library, of: serving.plugin, within: configuration.dryRunTimeout)
        plan.candidates.append(Candidate(.loaded(serving.plugin), settings, at: library.place))
      } else {
        let copy = try link(try copies.add(version), &resolver, &plan)
        let origin = try performDryRun(copy, dryRun, settings)
        plan.candidates.append(Candidate(origin, settings, at: library.place))
      }
    } catch {
      let refusal = error.asked(at: library.place)
      if library.isOptional, error.isAbsence {
        plan.notices += refusal.problems.map { "\($0); its routes are optional and left out" }
      } else {
        plan.refusals[library.name] = refusal
      }
    }
  }

  /// Whether the loader cannot be asked and need not be: constructors that do not return keep it, but not what serves.
  private func isUnchangedBehindBusyLoader(
    _ copy: PluginCopy, _ configuration: HostConfiguration
  ) throws(PluginError) -> Bool {
    guard loader.isBusy, copy.isPrivate else { return loader.isBusy }
    let content = try PluginContent(
      of: copy.file, settle: configuration.settle, trust: configuration.fileTrust, limit: configuration.maxPluginSize)
    return content.hash == copy.hash
  }

  /// On the loader's thread, since the system's loader is asked what it has.
  private func find(_ library: CallRoutes.Library, within limit: Duration) throws(PluginError) -> FoundLibrary {
    let path = source.resolveLibrary(library.name)
    let copies = copies
    let file = PluginFile(library: library.name, at: path)
    return try loader.load(file, of: library.name, within: limit) { () throws(PluginError) in
      try FoundLibrary(library.name, at: path, besides: copies)
    }
  }

  /// The functions of new routes to a library that is loaded already.
  private func check(
    _ library: CallRoutes.Library, of loaded: LoadedPlugin, within limit: Duration
  ) throws(PluginError) {
    try loader.load(loaded.copy.file, of: library.name, within: limit) { () throws(PluginError) in
      try loaded.check(library.routes)
    }
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

  /// What is opened in the child is what the host will open.
  func performDryRun(
    _ copy: PluginCopy, _ dryRun: DryRun, _ settings: PluginSettingValues
  ) throws(PluginError) -> Candidate.Origin {
    do throws(PluginError) {
      let result = try dryRun.run(copy) { _ in DryRunInputs(settings: settings, handedOver: nil) }
      return .library(copy, images: result.functionImages)
    } catch {
      copies.discard(copy)
      throw error
    }
  }
}

// Plugins and libraries may bring along others.

extension PluginRepository {
  /// The system's loader is asked on the loader's thread, in case that it hangs.
  func resolver(_ configuration: HostConfiguration) -> DependencyResolver {
    let (loader, limit) = (loader, configuration.dryRunTimeout)
    return DependencyResolver(
      copies: copies, settle: configuration.settle, trust: configuration.fileTrust, limit: configuration.maxPluginSize
    ) { (name) throws(PluginError) in
      try loader.load(PluginFile(library: name, at: name), of: name, within: limit) { () throws(PluginError) in
        SystemLoader.library(name)
      }
    }
  }

  /// A new copy of a plugin with what it brings along.
  func add(
    _ content: PluginContent, _ resolver: inout DependencyResolver, _ plan: inout ReloadPlan
  ) throws(PluginError) -> PluginCopy {
    try link(try copies.add(content), &resolver, &plan)
  }

  /// Finds what a new copy brings along.
  func link(
    _ copy: PluginCopy, _ resolver: inout DependencyResolver, _ plan: inout ReloadPlan
  ) throws(PluginError) -> PluginCopy {
    do throws(PluginError) {
      let dependencies = try resolver.dependencies(of: copy, in: copy.file)
      plan.notes[copy.file.path] = dependencies.notes
      return try copies.attach(dependencies, to: copy)
    } catch {
      copies.discard(copy)
      throw error
    }
  }

  /// Whether what is loaded would find the same libraries now as it did then. If the loader is busy, nothing can be loaded
  /// anew anyway.
  func bringsTheSame(
    _ loaded: PluginCopy, _ file: PluginFile, _ resolver: inout DependencyResolver, _ plan: inout ReloadPlan
  ) throws(PluginError) -> Bool {
    guard !loader.isBusy else { return true }
    let dependencies = try resolver.dependencies(of: loaded, in: file)
    plan.notes[file.path] = dependencies.notes
    return dependencies.areLoadedLike(loaded.dependencies)
  }
}

// One library may be configured under several names: a path, a link, the name that the loader searches for. Its routes
// agree on its thread all the same.

extension PluginRepository {
  /// Refuses libraries of which another route, under whatever name, wants the functions to run on another thread.
  func refuseThreadConflicts(in plan: inout ReloadPlan, serving: [String: PluginGeneration]) {
    var settled = serving.filter { plan.kept[$0.key] != nil }.values.flatMap(\.libraryCalls)
    var refused: Set<String> = []
    for candidate in plan.candidates {
      let calls = candidate.libraryCalls
      let errors = calls.compactMap { call in
        call.conflict(among: settled + calls).map {
          PluginProblem(thread: call, conflictsWith: $0, file: candidate.file)
        }
      }
      if errors.isEmpty {
        settled += calls
      } else {
        plan.refusals[candidate.file] = PluginError(problems: errors)
        refused.insert(candidate.name)
        if let copy = candidate.unloadedCopy { copies.discard(copy) }
      }
    }
    plan.candidates.removeAll { refused.contains($0.name) }
  }
}

extension PluginProblem {
  fileprivate init(thread call: LibraryCall, conflictsWith other: LibraryCall, file: String) {
    let own = call.call.placement.text(sharesOwnThread: false)
    let others = other.call.placement.text(sharesOwnThread: false)
    self.init(
      code: .conflictingThread, plugin: call.library, file: file,
      reason: "\(call.call.place): expected the same thread for all routes to one library, found \(own) here and "
        + "\(others) at \(other.call.place), which calls the same library as \(other.library); "
        + #"with thread = "own" all of its calls run on one thread"#)
  }
}
