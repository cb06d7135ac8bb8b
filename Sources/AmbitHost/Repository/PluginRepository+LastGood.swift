internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging

// Last good copies: what serves is kept for a start that finds a bad file. Such a start takes the last good copy of the
// file instead, if there is one and it passes its dry run.

extension LastGoodCopies {
  /// Opens the folder of last good copies for the host of a configuration. A host without the folder serves
  /// nevertheless, and logs a warning.
  static func open(_ source: ConfigurationSource, _ configuration: HostConfiguration) -> LastGoodCopies? {
    do throws(LastGoodCopies.Unavailable) {
      if let path = source.path, source.isStream {
        throw LastGoodCopies.Unavailable(description: "the configuration \(path) is not a regular file")
      }
      return try LastGoodCopies(
        of: source.location, environment: HostProcess.environment, trust: configuration.fileTrust)
    } catch {
      Logger(label: "ambit").warning(
        """
        no last good copies are kept: \(error); if a file is bad at the next start, its previous version cannot be \
        served
        """)
      return nil
    }
  }
}

extension PluginRepository {
  /// Plans the last good copies of refused files, once for each file. A file that is missing has none.
  /// - Throws: if the host is to stop.
  func fallBack(to lastGood: LastGoodCopies, _ planning: inout Planning) throws(HostError) {
    for file in planning.plan.files where !planning.plan.triedLastGood.contains(file.path) {
      guard let refusal = planning.plan.refusals[file.path] else { continue }
      planning.plan.triedLastGood.insert(file.path)
      fallBack(file, refusal, to: lastGood, &planning)
      try failIfStopping()
    }
  }

  /// Plans the last good copies of files that a worker could not load or start.
  /// - Parameter workers: Answer questions about what is loaded.
  /// - Returns: a plan with the generations that are to be prepared in addition; nil if there are none.
  func planFallbacks(
    for plan: inout ReloadPlan, _ configuration: HostConfiguration, asking workers: WorkerGroup? = nil
  ) -> ReloadPlan? {
    guard let lastGood else { return nil }
    var planning = Planning(configuration, self, asking: workers)
    for file in plan.files where !plan.triedLastGood.contains(file.path) && !isStopping() {
      guard let refusal = plan.refusals[file.path] else { continue }
      planning.plan.refusals[file.path] = refusal
      fallBack(file, refusal, to: lastGood, &planning)
      plan.refusals[file.path] = planning.plan.refusals.removeValue(forKey: file.path)
    }
    plan.fallbacks.merge(planning.plan.fallbacks) { $1 }
    plan.notes.merge(planning.plan.notes) { $1 }
    guard !planning.plan.generations.isEmpty else { return nil }
    assignNumbers(&planning.plan, besides: plan.generations)
    return planning.plan
  }

  private func fallBack(
    _ file: PluginFile, _ refusal: PluginError, to lastGood: LastGoodCopies, _ planning: inout Planning
  ) {
    do throws(PluginError) {
      guard !refusal.problems.contains(where: { $0.code == .missing }),
        let planned = try planLastGood(of: file, lastGood, &planning)
      else { return }
      planning.plan.generations.append(planned)
      planning.plan.refusals[file.path] = nil
      planning.plan.fallbacks[file.path] = refusal
    } catch {
      planning.plan.refusals[file.path] = refusal.adding(lastGood: error)
    }
  }

  /// The last good copy of a refused file, after its dry run; nil if there is none.
  func planLastGood(
    of file: PluginFile, _ lastGood: LastGoodCopies, _ planning: inout Planning
  ) throws(PluginError) -> PlannedGeneration? {
    let configuration = planning.configuration
    let content = try lastGood.content(of: file, trust: configuration.fileTrust, limit: configuration.maxPluginSize)
    guard let content else { return nil }
    // It served with the last good copies of the libraries that it brings along.
    let resolvers = (planning.resolver, planning.resolverOfNewWorkers)
    defer { (planning.resolver, planning.resolverOfNewWorkers) = resolvers }
    planning.resolver = makeResolver(configuration, asking: planning.workers)
    planning.resolver.lastGood = lastGood
    planning.resolverOfNewWorkers?.lastGood = lastGood
    let copy = try link(try copies.add(content), &planning)
    guard let library = planning.calls.libraries.first(where: { file.isLibrary && $0.name == file.path }) else {
      return try performDryRun(copy, planning)
    }
    return try performDryRun(copy, of: library, planning.dryRun)
  }

  /// Keeps copies of what serves now as last good, and removes the copies of files that are gone. A copy that cannot be
  /// written is reported, and the copy before it stays, if there is one.
  /// - Parameters:
  ///   - unproven: the plugins whose copy before stays, if there is one.
  ///   - untried: the plugins of which no copy is made.
  ///   - others: other contents whose copies stay.
  func keepLastGood(
    except unproven: Set<String> = [], _ untried: Set<String> = [], besides others: [PluginCopy] = []
  ) {
    guard let lastGood else { return }
    for plugin in serving.values where plugin.copy.isPrivate && !untried.contains(plugin.name) {
      if unproven.contains(plugin.name), lastGood.hasCopy(of: plugin.file) { continue }
      do throws(LastGoodCopies.Unavailable) {
        try lastGood.keep(plugin.copy, as: plugin.file)
      } catch {
        let consequence =
          lastGood.hasCopy(of: plugin.file)
          ? "the previous copy stays" : "if its file is bad at the next start, nothing can serve in its place"
        logger.warning(
          "cannot keep a last good copy of \(plugin.kind) \(plugin.name): \(error); \(consequence)",
          metadata: plugin.lastGoodFields)
      }
    }
    lastGood.removeAll(but: files, serving: serving.values.map(\.copy) + others)
  }

  /// Logs which plugins have begun to serve their last good copies, and why, and which serve their own files again.
  func reportLastGood(_ plan: ReloadPlan, before: [String: ServingPlugin]) {
    for (file, refusal) in plan.fallbacks.sorted(by: { $0.key < $1.key }) {
      for error in refusal.problems { logger.error("\(error)") }
      for plugin in serving.values where plugin.file.path == file {
        logger.error(
          "\(plugin.kind) \(plugin.name) serves its last good copy, because its file is refused",
          metadata: plugin.lastGoodFields)
      }
    }
    for plugin in before.values where plugin.isLastGoodCopy {
      guard let current = serving[plugin.name], !current.isLastGoodCopy else { continue }
      logger.notice(
        "\(current.kind) \(current.name) serves its file again in place of its last good copy",
        metadata: current.lastGoodFields)
    }
  }
}

extension ServingPlugin {
  fileprivate var lastGoodFields: Logger.Metadata {
    ["plugin": "\(label)", "file": "\(file.path)", "sha256": "\(copy.hash?.prefix ?? "-")"]
  }
}

extension PluginError {
  /// The same error of a file, with the reasons why its last good copy cannot take its place.
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
