import AmbitConfig
import AmbitPlugins
import AmbitRuntime
import AmbitSystem
import Foundation
import TestSupport

@testable import AmbitHost

/// A new folder with a configuration, a plugin directory and a place for private copies, as a host finds them.
final class HostFolder: Sendable {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    for name in ["Plugins", "private"] {
      try FileManager.default.createDirectory(atPath: folder.path(of: name), withIntermediateDirectories: true)
    }
    try configure("")
  }

  var source: ConfigurationSource { ConfigurationSource(named: folder.path(of: "host.conf")) }

  /// Writes the configuration anew. Keys outside of tables come first.
  func configure(_ text: String) throws {
    let keys = [
      "threads = 1", #"dry_run_timeout = "10m""#, #"trust = "any""#, #"admin = """#, #"private = "private""#,
      #"settle = "10ms""#, text,
    ]
    try folder.write(keys.joined(separator: "\n"), to: "host.conf")
  }

  /// Compiles a plugin that is called `name` and answers `routes`, and puts it into the plugin directory.
  /// - Parameters:
  ///   - code: functions of the plugin.
  ///   - entry: further members of its entry.
  ///   - flags: further options of the compiler.
  func install(
    _ name: String, _ routes: String..., code: String = "", entry: String = "", flags: [String] = []
  ) async throws {
    let list = routes.map { "{.pattern = \"\($0)\", .handler = answer}" }.joined(separator: ", ")
    let text = """
      #include <ambit.h>
      static int32_t answer(ambit_scope *request) { (void)request; return AMBIT_OK; }
      \(code)
      static const ambit_route routes[] = {\(list)};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "\(name)", .routes = routes,
        .route_count = \(routes.count), \(entry)};
      """
    let source = try folder.write(text, to: "Sources/\(name).c")
    try folder.write(try await Compiler.plugin(URL(filePath: source), flags), to: "Plugins/\(name).so")
  }

  /// Compiles a library and puts it beside the plugins, as `Plugins/lib/NAME.so`.
  /// - Returns: the options that link a plugin with it.
  @discardableResult
  func installLibrary(_ name: String, _ code: String) async throws -> [String] {
    let source = try folder.write(code, to: "Sources/\(name).c")
    try folder.write(try await Compiler.plugin(URL(filePath: source)), to: "Plugins/lib/\(name).so")
    return [
      "-Wl,--no-as-needed", "-L", folder.path(of: "Plugins/lib"), "-l:\(name).so",
      "-Wl,--enable-new-dtags,-rpath,$ORIGIN/lib",
    ]
  }

  /// Compiles a library `libNAME.so` for configured routes, beside the configuration.
  /// - Parameter other: a library of this folder that it is linked with.
  func installRouteLibrary(_ name: String, _ code: String, bringing other: String? = nil) async throws {
    let source = try folder.write(code, to: "Sources/\(name).c")
    let links = other.map {
      ["-Wl,--no-as-needed", "-L", folder.url.filePath, "-l\($0)", "-Wl,--enable-new-dtags,-rpath,$ORIGIN"]
    }
    let library = try await Compiler.plugin(URL(filePath: source), ["-Wl,-soname,lib\(name).so"] + (links ?? []))
    try folder.write(library, to: "lib\(name).so")
  }

  /// Puts a file that is no library into the plugin directory.
  func installText(_ name: String) throws { try folder.write("no library", to: "Plugins/\(name).so") }

  func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: file(name)) }

  /// The path of a plugin's file as messages have it.
  func file(_ name: String) -> String { folder.path(of: "Plugins/\(name).so") }

  /// A repository for the configuration. Its dry runs use the `ambit` under test.
  func repository(keepsLastGood: Bool = false) throws -> PluginRepository {
    let configuration = try source.read()
    let lastGood =
      try keepsLastGood
      ? LastGoodCopies(
        of: source.location, environment: ["STATE_DIRECTORY": folder.path(of: "state")], trust: configuration.fileTrust)
      : nil
    return try PluginRepository(
      source, configuration, lastGood: lastGood, program: Places.ambit.filePath)
  }
}

extension PluginRepository {
  /// The names of private copies that this process has mapped.
  var mappedCopies: Set<String> {
    get throws {
      let maps = try TextFile.read("/proc/self/maps")
      let lines = maps.split(separator: "\n").filter { $0.contains("\(copies.path)/") }
      return Set(lines.compactMap { $0.split(separator: "/").last.map(String.init) })
    }
  }

  /// Plans what there is now.
  func plan(fallingBack: Bool = false) throws -> ReloadPlan { try plan(source.read(), fallingBack: fallingBack) }

  /// Makes and adopts a plan, as if a worker had committed it.
  @discardableResult
  func reload() throws -> ReloadPlan {
    var plan = try plan()
    try settle(&plan, failing: [:])
    adopt(plan)
    return plan
  }

  /// Settles a plan as if a worker had prepared all generations but those in `failing`.
  /// - Returns: the names of generations that the worker is to abort.
  @discardableResult
  func settle(_ plan: inout ReloadPlan, failing: [String: PreparationFailure.Stage]) throws -> [String] {
    var preparation = Preparation()
    for planned in plan.generations {
      guard let stage = failing[planned.name] else {
        preparation.prepared[planned.name] = []
        continue
      }
      let error = PluginProblem(code: .startFailed, plugin: planned.name, file: planned.file, reason: "start failed")
      preparation.failures[planned.name] = PreparationFailure(error: PluginError(problems: [error]), stage: stage)
    }
    return settle(&plan, preparation, try source.read())
  }
}

extension HostFolder {
  /// The group of a worker in this process, which the repository asks.
  func group(of worker: Worker) throws -> WorkerGroup {
    let text = try source.text()
    return WorkerGroup(worker, try text.parse(), text)
  }
}
