internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging

// Last good copies: what serves is kept for a start that meets a bad file.

extension Host {
  /// Opens the folder of last good copies. A host without one serves all the same, and says so.
  static func openLastGood(
    _ source: ConfigurationSource, _ configuration: HostConfiguration, _ logger: Logger
  ) -> LastGoodCopies? {
    do throws(LastGoodCopies.Unavailable) {
      if let path = source.path, source.isStream {
        throw LastGoodCopies.Unavailable(description: "the configuration \(path) is no file that stays")
      }
      return try LastGoodCopies(
        of: source.path, environment: HostProcess.environment, trust: configuration.fileTrust)
    } catch {
      logger.warning(
        "no last good copies are kept, so a start that meets a bad file cannot serve the version before it: \(error)")
      return nil
    }
  }

  /// Starts the last good copies of files that failed only when the host itself loaded or started them.
  func startLastGood(
    of plan: inout ReloadPlan, _ configuration: HostConfiguration,
    in started: inout [String: PluginGeneration], _ report: inout ReloadReport
  ) {
    guard let lastGood else { return }
    for file in plan.files where !plan.triedLastGood.contains(file.path) && !repository.isStopping() {
      guard let refusal = report.failed[file.path] else { continue }
      do throws(PluginError) {
        guard let candidate = try repository.candidate(file, refusal, from: lastGood, configuration, &plan) else {
          continue
        }
        started[candidate.name] = try start(candidate, configuration, beside: started)
        report.failed[file.path] = nil
        plan.fallbacks[file.path] = refusal
      } catch {
        report.failed[file.path] = refusal.adding(lastGood: error)
      }
    }
    refuseConflicts(in: &started, CallRoutes(configuration, file: source.name), &report)
    for (file, refusal) in report.failed {
      if let first = plan.fallbacks.removeValue(forKey: file) {
        report.failed[file] = first.adding(lastGood: refusal)
      }
    }
  }

  /// Says which of the generations that serve now are last good copies, and why, and which are not any more.
  func reportLastGood(_ plan: ReloadPlan, before: [String: PluginGeneration]) {
    for (file, refusal) in plan.fallbacks.sorted(by: { $0.key < $1.key }) {
      for error in refusal.problems { logger.error("\(error)") }
      for generation in serving.values where generation.file.path == file {
        generation.standsIn(for: refusal)
        logger.error(
          "\(generation.plugin.kind) \(generation.plugin.declaration.name) serves its last good copy, as its file is refused",
          metadata: lastGoodFields(of: generation))
      }
    }
    for (name, generation) in before where generation.isLastGoodCopy {
      guard let present = serving[name], present !== generation || plan.kept[name] != nil else { continue }
      present.fileIsGood()
      logger.notice(
        "\(present.plugin.kind) \(name) serves its file again, not the last good copy",
        metadata: lastGoodFields(of: present))
    }
  }

  private func lastGoodFields(of generation: PluginGeneration) -> Logger.Metadata {
    [
      "plugin": "\(generation.label)", "file": "\(generation.file.path)",
      "sha256": "\(generation.plugin.copy.hash?.prefix ?? "-")",
    ]
  }

  /// Keeps what serves now as last good, and removes the copies of files that are gone. What cannot be written is
  /// reported; the copy before it stays.
  func keepLastGood(_ plan: ReloadPlan) {
    guard let lastGood else { return }
    for generation in serving.values where !generation.isLastGoodCopy && generation.plugin.copy.isPrivate {
      do throws(FileError) {
        try lastGood.keep(generation.plugin.copy, as: generation.file)
      } catch {
        let name = "\(generation.plugin.kind) \(generation.plugin.declaration.name)"
        logger.warning(
          "cannot keep a last good copy of \(name), and the one before it stays: \(error)",
          metadata: lastGoodFields(of: generation))
      }
    }
    lastGood.removeAll(but: plan.files, serving: serving.values.map(\.plugin.copy))
  }
}
