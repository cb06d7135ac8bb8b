internal import AmbitConfig
internal import AmbitPlugins

// What a start does about a file that it cannot use: it takes the file's last good copy instead, if there is one and its
// dry run still passes.

extension PluginRepository {
  /// Takes the last good copies of refused files as candidates, each file's once. A file that is missing has none.
  /// - Throws: if the host is to stop.
  func fallBack(
    to lastGood: LastGoodCopies, _ configuration: HostConfiguration, in plan: inout ReloadPlan
  ) throws(HostError) {
    for file in plan.files where !plan.triedLastGood.contains(file.path) {
      guard let refusal = plan.refusals[file.path] else { continue }
      plan.triedLastGood.insert(file.path)
      do throws(PluginError) {
        guard let candidate = try candidate(file, refusal, from: lastGood, configuration, &plan) else { continue }
        plan.candidates.append(candidate)
        plan.refusals[file.path] = nil
        plan.fallbacks[file.path] = refusal
      } catch {
        plan.refusals[file.path] = refusal.adding(lastGood: error)
      }
      try goOn()
    }
  }

  /// The last good copy of a refused file, after its dry run; nil if there is none.
  func candidate(
    _ file: PluginFile, _ refusal: PluginError, from lastGood: LastGoodCopies, _ configuration: HostConfiguration,
    _ plan: inout ReloadPlan
  ) throws(PluginError) -> Candidate? {
    guard !refusal.problems.contains(where: { $0.code == .missing }) else { return nil }
    let content = try lastGood.content(
      of: file, trust: configuration.fileTrust, limit: configuration.maxPluginSize)
    guard let content else { return nil }
    let calls = CallRoutes(configuration, file: source.name)
    let dryRun = dryRun(configuration)
    var resolver = resolver(configuration)
    resolver.lastGood = lastGood
    let copy = try add(content, &resolver, &plan)
    guard let library = calls.libraries.first(where: { file.isLibrary && $0.name == file.path }) else {
      return try performDryRun(copy, dryRun, configuration, calls, [:])
    }
    let settings = PluginSettingValues(prefix: "", values: [:], calls: library.routes)
    return Candidate(try performDryRun(copy, dryRun, settings), settings, at: library.place)
  }
}

extension PluginError {
  /// This one of a file, with the reasons why its last good copy is no way out.
  func adding(lastGood error: PluginError) -> PluginError {
    PluginError(
      problems: problems
        + error.problems.map { problem in
          PluginProblem(
            code: problem.code, plugin: problem.plugin, file: problem.file,
            reason: "its last good copy: \(problem.reason)")
        })
  }
}
