package import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins
package import AmbitSystem

/// `ambit build`: compiles the plugins of a folder.
package enum PluginBuild {
  /// A line for people about the build.
  package struct Line {
    package enum Kind { case result, warning, error }

    package let text: String
    package let kind: Kind

    /// The text with "warning:" or "error:" before it, if it is one.
    package var prefixed: String {
      switch kind {
      case .result: text
      case .warning: "warning: \(text)"
      case .error: "error: \(text)"
      }
    }
  }

  /// Builds plugins that are out of date. Compilers write to standard error. Blocks.
  /// - Parameter report: is called with a line for each plugin folder when its build has ended, for what is left out,
  ///   and for each library whose sources are gone.
  /// - Throws: if the folder cannot be read, or a plugin cannot be built. The lines of the others were reported.
  package static func run(in folder: String, report: (Line) -> Void) throws(HostError) {
    try run(in: folder, by: nil, report: report)
  }

  private static func run(
    in folder: String, by commands: EndableCommands?, report: (Line) -> Void
  ) throws(HostError) {
    let directory = trimmed(folder)
    let toolchain = try toolchain()
    let result: BuildReport
    do throws(FileError) {
      // First, so that an error names this folder and not the one for headers in it.
      _ = try namesInFolder(directory)
      let headers = try PluginHeaders(
        ["ambit.h": PluginHeaderText.value], in: "\(directory)/\(PluginHeaders.folderName)")
      let builder = PluginBuilder(directory: directory, headers: headers, toolchain: toolchain, commands: commands)
      result = try builder.build {
        report(Line(text: "\(directory): another ambit builds here; waiting until it has ended", kind: .result))
      } report: { entry in
        report(line(for: entry, in: directory))
      }
    } catch {
      throw HostError(error)
    }
    for item in result.leftOut {
      report(Line(text: "\(item.path): left out: \(item.reason)", kind: .result))
    }
    for orphan in result.orphans {
      let advice = "restore the sources, or remove \(orphan.path) and reload"
      let text = "\(orphan.path): \(orphan.reason), and a host goes on serving the library: \(advice)"
      report(Line(text: text, kind: .warning))
    }
    if result.entries.isEmpty {
      let advice =
        result.leftOut.isEmpty
        ? "no folder with sources" : "if it is the folder of one plugin, name the folder above it"
      report(Line(text: "\(directory): nothing to build: \(advice)", kind: .result))
    }
    guard result.failureCount == 0 else {
      let count = result.entries.count
      throw HostError(["\(result.failureCount) of \(count.pluralized("plugin")) could not be built"])
    }
  }

  /// Builds in the plugin directory of `configuration`, which is of `source`.
  package static func run(
    for source: ConfigurationSource, _ configuration: HostConfiguration, report: (Line) -> Void
  ) throws(HostError) {
    try run(in: source.shown(configuration.plugins), report: report)
  }

  /// Builds as `run(for:_:report:)` does, before the process serves. SIGTERM and SIGINT end the compilers and the process,
  /// with status 0. Call it on the main thread, before others are started.
  /// - Parameter options: what the host will be started with.
  /// - Returns: the signals of the process, for the host. Those that came during the build wait in it.
  package static func runBeforeServing(
    _ source: ConfigurationSource, _ configuration: HostConfiguration, _ options: Host.Options,
    report: @escaping @Sendable (Line) -> Void
  ) throws(HostError) -> Signals {
    let signals: Signals
    do throws(SystemError) { signals = try Signals(reclaims: options.isSingle) } catch { throw HostError(error) }
    let (commands, ended) = (EndableCommands(), Latch<Void>())
    // At once, on the signal thread.
    signals.onStopLimit(0) {
      if commands.end() {
        _ = ended.wait(timeout: 2_000_000_000)
        commands.kill()
      }
      report(Line(text: "stopped during the build, before the host served anything", kind: .result))
      HostProcess.exit(0)
    }
    let result = Result { () throws(HostError) in
      try run(in: source.shown(configuration.plugins), by: commands) { if !signals.isTerminating { report($0) } }
    }
    ended.arrive(())
    // The signal thread ends the process.
    while signals.isTerminating { _ = signals.next() }
    // A signal that comes from here on is the host's.
    signals.onStopLimit(.max) { HostProcess.exit(0) }
    try result.get()
    return signals
  }

  /// The text of `ambit.h`.
  package static var header: String { PluginHeaderText.value }

  private static func toolchain() throws(HostError) -> Toolchain {
    do throws(Toolchain.MalformedVariable) {
      return try Toolchain(environment: HostProcess.environment)
    } catch {
      throw HostError(error)
    }
  }

  /// The path without slashes at its end, so that it can be the beginning of others.
  private static func trimmed(_ path: String) -> String {
    var path = path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    return path
  }

  private static func line(for entry: BuildReport.Entry, in directory: String) -> Line {
    let compilers = entry.compilers.joined(separator: " and ")
    var kind = Line.Kind.result
    let text: String
    switch entry.result {
    case .built: text = "built with \(compilers)" + (entry.cause.map { ", because \($0)" } ?? "")
    case .upToDate: text = "up to date"
    case .noSources: text = "left out: it has no C or C++ sources"
    case .failed(let reason):
      text = "failed" + (reason.map { ": \($0)" } ?? ", see above (compiled with \(compilers))")
      kind = .error
    }
    return Line(text: "\(directory)/\(entry.name): \(text)", kind: kind)
  }
}
