package import AmbitConfig
internal import AmbitPlugins
internal import AmbitSystem

/// `ambit build`: compiles the plugins of a folder.
package enum PluginBuild {
  /// Builds plugins that are out of date. Compilers write to standard error. Blocks.
  /// - Returns: a line for each plugin folder.
  /// - Throws: if the folder cannot be read, or a plugin cannot be built. The error has the lines of the others too.
  package static func run(in directory: String) throws(HostError) -> [String] {
    let report: BuildReport
    do throws(FileError) {
      let headers = try PluginHeaders(["ambit.h": PluginHeaderText.value], in: "\(directory)/.include")
      let toolchain = Toolchain(environment: HostProcess.environment)
      report = try PluginBuilder(directory: directory, headers: headers, toolchain: toolchain).build()
    } catch {
      throw HostError(error)
    }
    let lines = report.entries.map { "\(directory)/\($0.name): \(text($0.result))" }
    if report.hasFailures { throw HostError(lines) }
    return lines
  }

  /// Builds in the plugin directory of `configuration`, which is of `source`.
  package static func run(
    for source: ConfigurationSource, _ configuration: HostConfiguration
  ) throws(HostError) -> [String] {
    try run(in: source.resolve(configuration.plugins))
  }

  /// The text of `ambit.h`.
  package static var header: String { PluginHeaderText.value }

  private static func text(_ result: BuildReport.Result) -> String {
    switch result {
    case .built: "built"
    case .upToDate: "up to date"
    case .noSources: "no C or C++ sources"
    case .failed(let reason): "failed" + (reason.map { ": \($0)" } ?? ", see above")
    }
  }
}
