internal import AmbitConfig
internal import AmbitPlugins

// What a start does about a file that it cannot use: it takes the file's last good copy instead, if there is one and its
// dry run still passes.

extension PluginLoading {
  /// Takes the last good copies of refused files as candidates, each file's once. A file that is missing has none.
  /// - Throws: if the host is to stop.
  func fallBack(
    to lastGood: LastGoodCopies, _ configuration: HostConfiguration, in result: inout Result
  ) throws(HostFailure) {
    for file in result.files where !result.triedLastGood.contains(file.path) {
      guard let refusal = result.refusals[file.path] else { continue }
      result.triedLastGood.insert(file.path)
      do throws(PluginError) {
        guard let candidate = try candidate(file, refusal, from: lastGood, configuration, &result) else { continue }
        result.candidates.append(candidate)
        result.refusals[file.path] = nil
        result.fallbacks[file.path] = refusal
      } catch {
        result.refusals[file.path] = refusal.adding(lastGood: error)
      }
      try goOn()
    }
  }

  /// The last good copy of a refused file, after its dry run; nil if there is none.
  func candidate(
    _ file: PluginFile, _ refusal: PluginError, from lastGood: LastGoodCopies, _ configuration: HostConfiguration,
    _ result: inout Result
  ) throws(PluginError) -> Candidate? {
    guard !refusal.problems.contains(where: { $0.code == .missing }) else { return nil }
    let content = try lastGood.content(
      of: file, trust: configuration.fileTrust, limit: configuration.maxPluginSize)
    guard let content else { return nil }
    let calls = CallRoutes(configuration, file: source.name)
    let dryRun = dryRun(configuration)
    var resolver = resolver(configuration)
    resolver.lastGood = lastGood
    let copy = try add(content, &resolver, &result)
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
